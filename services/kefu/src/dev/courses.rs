//! Courses to try training with (OP-4.1, SG-6), entered by the trainer of the example company.

use kefu_access_control::seed::department_id;
use kefu_contracts::access::{
    CourseDefinition, CourseKind, CreateCourseRequest, ResultMeans,
    training_service_client::TrainingServiceClient,
};
use tonic::transport::Channel;

use super::demo::{id, request};

/// Who trains in the example company.
pub(super) const TRAINER: &str = "he.xiaoyan";

/// Enters a course of each kind, and the secrecy training on which access depends.
pub(super) async fn enter(channel: Channel, token: &str) -> anyhow::Result<()> {
    let mut training = TrainingServiceClient::new(channel);
    for (key, definition) in courses() {
        let course = CreateCourseRequest {
            definition: Some(definition),
            request_id: id(&format!("course {key}")),
        };
        training
            .create_course(request(course, token, None)?)
            .await?;
    }
    Ok(())
}

fn courses() -> [(&'static str, CourseDefinition); 4] {
    let department = |code| vec![format!("departments/{}", department_id(code))];
    let roles = |ids: &[&str]| ids.iter().map(|id| format!("roles/{id}")).collect();
    let course = |zh: &str, en: &str, kind: CourseKind, means: ResultMeans| CourseDefinition {
        title_zh: zh.into(),
        title_en: en.into(),
        kind: kind.into(),
        means: means.into(),
        full_marks: 100,
        pass_marks: 80,
        due_days: 14,
        retake_days: 7,
        ..CourseDefinition::default()
    };
    let (exam, practice) = (ResultMeans::Exam, ResultMeans::Practice);
    [
        (
            "secrecy",
            CourseDefinition {
                secrecy: true,
                validity_months: 12,
                notice_days: 30,
                departments: department("call_centre"),
                ..course("保密培训", "Secrecy", CourseKind::SpecialTopic, exam)
            },
        ),
        (
            "new staff",
            CourseDefinition {
                departments: department("head_office"),
                due_days: 30,
                ..course(
                    "新员工入职培训",
                    "Joining the company",
                    CourseKind::NewStaff,
                    exam,
                )
            },
        ),
        (
            "monthly",
            CourseDefinition {
                repeat_months: 1,
                roles: roles(&["agent", "complaints_handler"]),
                ..course(
                    "月度业务培训",
                    "Products of the month",
                    CourseKind::Monthly,
                    practice,
                )
            },
        ),
        (
            "complaints",
            CourseDefinition {
                validity_months: 24,
                skill: "complaints".into(),
                skill_level: 2,
                ..course(
                    "投诉沟通专题",
                    "Talking about complaints",
                    CourseKind::SpecialTopic,
                    ResultMeans::CustomerFeedback,
                )
            },
        ),
    ]
}
