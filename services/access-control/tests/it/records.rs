//! Stands for the services that own records: customers whose text is as long as a test
//! wants, of exactly those who are asked for; or nothing at all, for a while.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use http::Request;
use kefu_contracts::{
    access::{
        ReadFilesRequest, ReadFilesResponse,
        file_export_service_server::{FileExportService, FileExportServiceServer},
    },
    profile::Customer,
};
use kefu_service::{peer::Late, server::GrpcService};
use prost::Message;
use tokio_stream::{Stream, iter};
use tonic::{Response, Status, body::Body};
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use uuid::Uuid;

#[derive(Clone, Default)]
pub(crate) struct Records {
    pub(crate) asked: Arc<Mutex<Vec<ReadFilesRequest>>>,
    /// Characters of each customer's special needs.
    pub(crate) length: Arc<Mutex<usize>>,
    pub(crate) down: Arc<Mutex<bool>>,
    /// Readings that were cut short.
    pub(crate) cut: Arc<Mutex<usize>>,
}

impl Records {
    pub(crate) fn of(&self, collection: &'static str) -> GrpcService {
        // Nothing else of them is there: who asks for it finds nobody.
        let files = FileExportServiceServer::new(Owner {
            records: self.clone(),
            collection,
        });
        let nobody = Late::default().service();
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let (mut files, nobody) = (files.clone(), nobody.clone());
            async move {
                let path = request.uri().path();
                if path.starts_with("/kefu.access.v1.FileExportService/") {
                    return files.call(request).await;
                }
                nobody.oneshot(request).await
            }
        }))
    }
}

struct Owner {
    records: Records,
    collection: &'static str,
}

#[tonic::async_trait]
impl FileExportService for Owner {
    type ReadFilesStream = Pin<Box<dyn Stream<Item = Result<ReadFilesResponse, Status>> + Send>>;

    async fn read_files(
        &self,
        request: tonic::Request<ReadFilesRequest>,
    ) -> Result<Response<Self::ReadFilesStream>, Status> {
        let request = request.into_inner();
        let mut answers = Vec::new();
        if self.collection == "customers" {
            for id in &request.customer_ids {
                let name = format!("customers/{}", Uuid::from_slice(id).unwrap());
                let customer = Customer {
                    name: name.clone(),
                    display_name: "张三丰".into(),
                    special_needs: "x".repeat(*self.records.length.lock().unwrap()),
                    ..Customer::default()
                };
                answers.push(Ok(ReadFilesResponse {
                    r#type: "kefu.profile.v1.Customer".into(),
                    name,
                    record: customer.encode_to_vec(),
                }));
            }
            self.records.asked.lock().unwrap().push(request);
        }
        // What was read before the service went away is lost with the rest.
        if self.collection == "orders" && *self.records.down.lock().unwrap() {
            *self.records.cut.lock().unwrap() += 1;
            answers.push(Err(Status::unavailable("down")));
        }
        Ok(Response::new(Box::pin(iter(answers))))
    }
}
