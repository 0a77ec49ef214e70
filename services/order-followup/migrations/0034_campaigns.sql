-- News and offers to who agreed to exactly that (OP-3.3, CC-2.2). Nothing here is about a
-- customer but whom a campaign turned to.
CREATE TABLE campaign (
    id                uuid PRIMARY KEY,
    -- As in kefu.order.v1.CampaignState.
    state             smallint NOT NULL,
    title             text NOT NULL,
    message           text NOT NULL,
    selection_id      uuid NOT NULL,
    selection_version integer NOT NULL,
    -- The comparisons of that version, joined by AND.
    filter            text NOT NULL,
    -- As in kefu.policy.v1.Purpose and kefu.common.v1.Channel.
    purpose           smallint NOT NULL,
    channel           smallint NOT NULL,
    start_at          timestamptz NOT NULL,
    end_at            timestamptz NOT NULL,
    owner_id          uuid NOT NULL,
    department_id     uuid NOT NULL,
    approver_id       uuid,
    approved_at       timestamptz,
    end_reason        text NOT NULL DEFAULT '',
    -- How far it went through the selection.
    after             uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    gone_through      boolean NOT NULL DEFAULT false,
    contacts          integer NOT NULL DEFAULT 0,
    revision          bigint NOT NULL,
    created_at        timestamptz NOT NULL,
    CHECK (approver_id <> owner_id),
    CHECK (state NOT IN (2, 3) OR approver_id IS NOT NULL)
);
CREATE INDEX campaign_by_time ON campaign (created_at, id);
CREATE INDEX campaign_under_way ON campaign (start_at) WHERE state IN (2, 3);

-- Whom a campaign turned to, once; over all campaigns a customer no more often than is allowed.
CREATE TABLE campaign_contact (
    campaign_id uuid NOT NULL REFERENCES campaign,
    customer_id uuid NOT NULL,
    purpose     smallint NOT NULL,
    contact_at  timestamptz NOT NULL,
    -- Its follow-up is closed, or is about to be.
    over        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (campaign_id, customer_id)
);
CREATE INDEX campaign_contact_by_customer ON campaign_contact (customer_id, contact_at);
CREATE INDEX campaign_contact_standing ON campaign_contact (campaign_id) WHERE NOT over;
