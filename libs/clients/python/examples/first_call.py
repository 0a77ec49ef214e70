import kefu
from kefu.profile.v1.customer_service_pb2 import ListCustomersRequest
from kefu.profile.v1.customer_service_pb2_grpc import CustomerServiceStub

with kefu.connect("http://127.0.0.1:7700", token=kefu.development_token("erp"), purpose="integration") as channel:
    for customer in CustomerServiceStub(channel).ListCustomers(ListCustomersRequest()).customers:
        print(customer.file_number, customer.display_name)
