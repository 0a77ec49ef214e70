//! `TrainingService`: courses, sessions, results, and who has to take what (OP-4.1, SG-6).

mod consequences;
mod corrections;
mod courses;
mod enrolments;
mod messages;
mod obligations;
mod owed;
mod person;
mod results;
mod sessions;
mod told;

use kefu_contracts::access::{
    CancelTrainingSessionRequest, CloseTrainingSessionRequest, CorrectTrainingResultRequest,
    CountTrainingObligationsRequest, CountTrainingObligationsResponse, Course, CreateCourseRequest,
    CreateEnrolmentRequest, CreateTrainingSessionRequest, Enrolment, GetCourseRequest,
    GetTrainingSessionRequest, HoldTrainingSessionRequest, ListCoursesRequest, ListCoursesResponse,
    ListEnrolmentsRequest, ListEnrolmentsResponse, ListSkillsRequest, ListSkillsResponse,
    ListTrainingObligationsRequest, ListTrainingObligationsResponse, ListTrainingResultsRequest,
    ListTrainingResultsResponse, ListTrainingSessionsRequest, ListTrainingSessionsResponse,
    RecordAttendanceRequest, RecordTrainingResultRequest, RetireCourseRequest, ReviseCourseRequest,
    TrainingResult, TrainingSession, WithdrawEnrolmentRequest,
    training_service_server::TrainingService,
};
use kefu_service::call::answer;
use tonic::{Request, Response, Status};

use super::{Register, look};
pub(crate) use enrolments::leave;
pub(crate) use told::{about_enrolment, about_obligation, kind};

/// The service over the register.
pub(crate) struct Trainings(pub(crate) Register);

/// Journals what of training is shown under this type.
const VIEWED: &str = "training.viewed";
/// And what was asked for and not shown.
const REFUSED: &str = "training.refused";

#[tonic::async_trait]
impl TrainingService for Trainings {
    async fn create_course(
        &self,
        request: Request<CreateCourseRequest>,
    ) -> Result<Response<Course>, Status> {
        answer(request, |call, message| {
            courses::create(&self.0, call, message)
        })
        .await
    }

    async fn revise_course(
        &self,
        request: Request<ReviseCourseRequest>,
    ) -> Result<Response<Course>, Status> {
        answer(request, |call, message| {
            courses::revise(&self.0, call, message)
        })
        .await
    }

    async fn retire_course(
        &self,
        request: Request<RetireCourseRequest>,
    ) -> Result<Response<Course>, Status> {
        answer(request, |call, message| {
            courses::retire(&self.0, call, message)
        })
        .await
    }

    async fn get_course(
        &self,
        request: Request<GetCourseRequest>,
    ) -> Result<Response<Course>, Status> {
        answer(request, |call, message| {
            courses::get(&self.0, call, message)
        })
        .await
    }

    async fn list_courses(
        &self,
        request: Request<ListCoursesRequest>,
    ) -> Result<Response<ListCoursesResponse>, Status> {
        answer(request, |call, message| {
            courses::list(&self.0, call, message)
        })
        .await
    }

    async fn create_training_session(
        &self,
        request: Request<CreateTrainingSessionRequest>,
    ) -> Result<Response<TrainingSession>, Status> {
        answer(request, |call, message| {
            sessions::create(&self.0, call, message)
        })
        .await
    }

    async fn hold_training_session(
        &self,
        request: Request<HoldTrainingSessionRequest>,
    ) -> Result<Response<TrainingSession>, Status> {
        answer(request, |call, message| {
            sessions::hold(&self.0, call, message)
        })
        .await
    }

    async fn close_training_session(
        &self,
        request: Request<CloseTrainingSessionRequest>,
    ) -> Result<Response<TrainingSession>, Status> {
        answer(request, |call, message| {
            sessions::close(&self.0, call, message)
        })
        .await
    }

    async fn cancel_training_session(
        &self,
        request: Request<CancelTrainingSessionRequest>,
    ) -> Result<Response<TrainingSession>, Status> {
        answer(request, |call, message| {
            sessions::cancel(&self.0, call, message)
        })
        .await
    }

    async fn get_training_session(
        &self,
        request: Request<GetTrainingSessionRequest>,
    ) -> Result<Response<TrainingSession>, Status> {
        answer(request, |call, message| {
            sessions::get(&self.0, call, message)
        })
        .await
    }

    async fn list_training_sessions(
        &self,
        request: Request<ListTrainingSessionsRequest>,
    ) -> Result<Response<ListTrainingSessionsResponse>, Status> {
        answer(request, |call, message| {
            sessions::list(&self.0, call, message)
        })
        .await
    }

    async fn create_enrolment(
        &self,
        request: Request<CreateEnrolmentRequest>,
    ) -> Result<Response<Enrolment>, Status> {
        answer(request, |call, message| {
            enrolments::create(&self.0, call, message)
        })
        .await
    }

    async fn withdraw_enrolment(
        &self,
        request: Request<WithdrawEnrolmentRequest>,
    ) -> Result<Response<Enrolment>, Status> {
        answer(request, |call, message| {
            enrolments::withdraw(&self.0, call, message)
        })
        .await
    }

    async fn record_attendance(
        &self,
        request: Request<RecordAttendanceRequest>,
    ) -> Result<Response<Enrolment>, Status> {
        answer(request, |call, message| {
            enrolments::attend(&self.0, call, message)
        })
        .await
    }

    async fn list_enrolments(
        &self,
        request: Request<ListEnrolmentsRequest>,
    ) -> Result<Response<ListEnrolmentsResponse>, Status> {
        answer(request, |call, message| {
            enrolments::list(&self.0, call, message)
        })
        .await
    }

    async fn record_training_result(
        &self,
        request: Request<RecordTrainingResultRequest>,
    ) -> Result<Response<TrainingResult>, Status> {
        answer(request, |call, message| {
            results::record(&self.0, call, message)
        })
        .await
    }

    async fn correct_training_result(
        &self,
        request: Request<CorrectTrainingResultRequest>,
    ) -> Result<Response<TrainingResult>, Status> {
        answer(request, |call, message| {
            corrections::correct(&self.0, call, message)
        })
        .await
    }

    async fn list_training_results(
        &self,
        request: Request<ListTrainingResultsRequest>,
    ) -> Result<Response<ListTrainingResultsResponse>, Status> {
        answer(request, |call, message| {
            results::list(&self.0, call, message)
        })
        .await
    }

    async fn list_training_obligations(
        &self,
        request: Request<ListTrainingObligationsRequest>,
    ) -> Result<Response<ListTrainingObligationsResponse>, Status> {
        answer(request, |call, message| {
            obligations::list(&self.0, call, message)
        })
        .await
    }

    async fn count_training_obligations(
        &self,
        request: Request<CountTrainingObligationsRequest>,
    ) -> Result<Response<CountTrainingObligationsResponse>, Status> {
        answer(request, |call, message| {
            obligations::count(&self.0, call, message)
        })
        .await
    }

    async fn list_skills(
        &self,
        request: Request<ListSkillsRequest>,
    ) -> Result<Response<ListSkillsResponse>, Status> {
        answer(request, |call, message| {
            obligations::skills(&self.0, call, message)
        })
        .await
    }
}
