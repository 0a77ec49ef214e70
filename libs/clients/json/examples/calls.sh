#!/usr/bin/env bash
# Another company system works with the suite, with nothing but curl and jq. Runs against `kefu dev`;
# docs/integrating.md tells the story around it.
set -euo pipefail
: "${KEFU_ADDRESS:=http://127.0.0.1:7700}" "${KEFU_TOKEN:?the token of the account erp, from .kefu/tokens.toml}"

# Where the answer is that it was too much, `--retry` comes again after `Retry-After`; but also where nobody knows whether
# the call got through. So whatever changes something is asked with a request id, by which it is done once.
ask() {
    curl --silent --show-error --fail --retry 5 --header "authorization: Bearer $KEFU_TOKEN" \
        --header "kefu-purpose: integration" --header "content-type: application/json" "$@"
}

# Who answers for the file, and the file. The same request id again gives the same answer again.
department=$(ask "$KEFU_ADDRESS/v1/departments" | jq -r '.departments[] | select(.code == "call_centre").name')
entry=$(jq -n --arg department "$department" --arg id "$(cat /proc/sys/kernel/random/uuid)" '{
    requestId: $id,
    customer: {
        type: "CUSTOMER_TYPE_PERSON", businessLine: "A", displayName: "赵一鸣", department: $department,
        externalRef: "erp-\($id)", phones: [{number: "139 0000 1111", primary: true}]
    }
}')
customer=$(ask "$KEFU_ADDRESS/v1/customers" --data "$entry" | jq -r .name)
test "$customer" = "$(ask "$KEFU_ADDRESS/v1/customers" --data "$entry" | jq -r .name)"

# A change says which state it was decided upon, and what it is about; asked for twice, it is made once.
etag=$(ask "$KEFU_ADDRESS/v1/$customer" | jq -r .etag)
change=$(jq -n --arg etag "$etag" --arg id "$(cat /proc/sys/kernel/random/uuid)" '{
    requestId: $id,
    customer: {etag: $etag, occupation: "教师"}, updateMask: "occupation", reason: "客户来电更正"
}')
for _ in once again; do
    ask --request PATCH "$KEFU_ADDRESS/v1/$customer" --data "$change" | jq -e '.occupation == "教师"' >/dev/null
done

# A list; in the address, or in a body where what is looked for should stand in no log of addresses.
ask --get "$KEFU_ADDRESS/v1/customers" --data-urlencode 'filter=create_time > "2020-01-01T00:00:00Z"' --data pageSize=2 |
    jq -e '.customers | length > 0' >/dev/null
ask --header 'x-http-method-override: GET' "$KEFU_ADDRESS/v1/customers" --data '{"filter": "phone = \"13900001111\""}' |
    jq -e --arg name "$customer" 'any(.customers[]; .name == $name)' >/dev/null

# A refusal: the HTTP status, a reason for programs and a sentence for people.
refused=$(mktemp)
curl --silent --retry 5 --output "$refused" --header "authorization: Bearer $KEFU_TOKEN" --header "kefu-purpose: sales" \
    --header "accept-language: zh-CN" "$KEFU_ADDRESS/v1/$customer"
jq -e '.error.code == 403 and .error.details[0].reason == "PURPOSE_NOT_ALLOWED"' "$refused" >/dev/null
jq -r '.error.details[] | select(."@type" | endswith("LocalizedMessage")).message' "$refused"

# A list that goes on: a line each time something changes, here for half a second; the last one says why it ended.
ask --no-buffer --header "grpc-timeout: 500m" "$KEFU_ADDRESS/v1/tickets:watch" |
    jq --compact-output '.resumeToken != null or .error.status == "DEADLINE_EXCEEDED"' | uniq | grep --line-regexp true
echo "entered, changed, listed, refused and followed: $customer"
