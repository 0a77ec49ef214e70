//! What else goes over every file: what is due for destruction, and what other rules of rating
//! would lead to.

use std::time::{Duration, Instant};

use kefu_contracts::profile::{
    DraftRatingRulesRequest, ListFileRetentionsRequest, PreviewRatingRulesRequest,
    RatingDefinition, Tier, TierFigures, TierRule, rating_service_client::RatingServiceClient,
    retention_service_client::RetentionServiceClient,
};

use super::{Asker, at};
use crate::house::House;

/// Longest that a preview may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn measure(house: &House) -> anyhow::Result<()> {
    println!("\nOver every file");
    due(house).await?;
    preview(house).await
}

async fn due(house: &House) -> anyhow::Result<()> {
    let archive = Asker::new(house, "feng.yulan", "administration")?;
    let filter = format!("due_time <= \"{}\" AND standing = FREE", house.clock.now());
    let (mut times, mut total) = (Vec::new(), 0);
    for _ in 0..20 {
        let request = archive.request(ListFileRetentionsRequest {
            filter: filter.clone(),
            ..Default::default()
        })?;
        let begun = Instant::now();
        let mut client = RetentionServiceClient::new(archive.channel.clone());
        let page = client.list_file_retentions(request).await?;
        times.push(begun.elapsed());
        total = page.into_inner().total_size;
    }
    println!(
        "  what is due for destruction: {:.1} ms, at worst {:.1}; {total} found",
        at(&mut times, 50),
        at(&mut times, 99)
    );
    Ok(())
}

/// Half of what the rules that come with the suite ask for.
fn definition() -> RatingDefinition {
    let tiers = [
        (Tier::Normal, 0, 0),
        (Tier::Silver, 250_000, 2),
        (Tier::Gold, 1_000_000, 5),
        (Tier::Diamond, 5_000_000, 10),
    ];
    let tiers = tiers.map(|(tier, amount, order_count)| TierRule {
        tier: tier.into(),
        asked: Some(TierFigures {
            amount,
            order_count,
            loyalty_days: 0,
        }),
        service: "—".into(),
        contact_count: 0,
    });
    RatingDefinition {
        currency: "CNY".into(),
        window_days: 365,
        tiers: tiers.into(),
        established_days: 365,
        payments_days: 365,
        payments: 1_000_000,
        breach_days: 365,
        favourable_needed: 2,
        strategies: ["A", "B", "C"].map(str::to_owned).to_vec(),
    }
}

async fn preview(house: &House) -> anyhow::Result<()> {
    let administrator = Asker::new(house, "han.bing", "administration")?;
    let mut client = RatingServiceClient::new(administrator.channel.clone());
    let request = administrator.request(DraftRatingRulesRequest {
        definition: Some(definition()),
        reason: "measured".into(),
        request_id: String::new(),
    })?;
    let drafted = client.draft_rating_rules(request).await?.into_inner();
    let mut request = administrator.request(PreviewRatingRulesRequest {
        name: drafted.name,
        etag: drafted.etag,
        request_id: String::new(),
    })?;
    request.set_timeout(PATIENCE);
    let begun = Instant::now();
    match client.preview_rating_rules(request).await {
        Ok(previewed) => {
            let files = previewed
                .into_inner()
                .preview
                .unwrap_or_default()
                .file_count;
            let lasted = begun.elapsed().as_secs_f64();
            println!("  a preview of rating rules: {lasted:.1} s for {files} files");
        }
        Err(status) => println!(
            "  a preview of rating rules: {:?} after {:.1} s",
            status.code(),
            begun.elapsed().as_secs_f64()
        ),
    }
    Ok(())
}
