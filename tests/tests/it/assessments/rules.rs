//! The company's schemes.

use super::*;

/// Clause OP-4.2: by what staff is assessed is the company's to say, in versions; what was opened
/// by one is assessed by that.
#[tokio::test(flavor = "multi_thread")]
async fn schemes_of_assessment_have_versions() {
    let suite = suite().await;
    let mut anybody = client(&suite.caller_for("song.yue", ""));
    let rules = anybody.get_assessment_rules(GetAssessmentRulesRequest {});
    let rules = rules.await.unwrap().into_inner();
    assert_eq!(
        rules.versions.len(),
        2,
        "everybody reads by what they are assessed"
    );
    let mut wrong = small();
    wrong.criteria[0].weight = 51;
    wrong.criteria[1].step = 30;
    wrong.bands[0].at_least = 1;
    let refused = revise(&suite, vec![wrong]).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "definition.schemes[0].criteria[1].step",
            "definition.schemes[0].criteria",
            "definition.schemes[0].bands[0].at_least",
        ]
    );
    let request = ReviseAssessmentRulesRequest {
        etag: rules.etag,
        reason: "x".into(),
        definition: rules.versions[1].definition.clone(),
        ..Default::default()
    };
    let head = client(&suite.caller(HEAD))
        .revise_assessment_rules(request.clone())
        .await;
    assert_eq!(head.unwrap_err().code(), Code::PermissionDenied);

    let ready = scored(&suite).await;
    let mut strict = small();
    strict.bands = vec![AssessmentBand {
        at_least: 0,
        consequence: AssessmentConsequence::Warning.into(),
    }];
    assert_eq!(revise(&suite, vec![strict]).await.unwrap(), 2);
    let late = client(&suite.caller(ADMINISTRATOR))
        .revise_assessment_rules(request)
        .await;
    assert_eq!(refusal(&late.unwrap_err()).1, "ETAG_MISMATCH");
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        ..publishing(&ready)
    };
    let published = publish(&of(&suite, HEAD), request).await.unwrap();
    let result = published.result.unwrap();
    assert_eq!(result.consequence(), AssessmentConsequence::Coaching);
    assert_eq!(published.rules_version, 1);
}
