//! `ExportService`: packages of shared files, carried out, downloaded, recalled (CF-6.3).

mod carry;
mod confirm;
mod download;
mod follow;
mod identify;
mod look;
mod messages;
mod receipt;

use std::pin::Pin;

use kefu_contracts::access::{
    CarryOutExportRequest, CarryOutExportResponse, ConfirmDeletionRequest, DownloadExportRequest,
    DownloadExportResponse, Export, GetExportRequest, IdentifyWatermarkRequest,
    IdentifyWatermarkResponse, ListExportsRequest, ListExportsResponse,
    export_service_server::ExportService,
};
use kefu_service::call::{self, answer};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::Register;
use crate::jobs::exports::Packager;
pub(crate) use download::give_up;
pub(crate) use follow::{follow, journal, lose};
pub(crate) use receipt::of_share;

/// The service over the register.
pub(crate) struct ExportsApi {
    pub(crate) register: Register,
    pub(crate) packager: Packager,
}

/// Journals exports that are shown under this type.
const VIEWED: &str = "export.viewed";

#[tonic::async_trait]
impl ExportService for ExportsApi {
    type DownloadExportStream =
        Pin<Box<dyn Stream<Item = Result<DownloadExportResponse, Status>> + Send>>;

    async fn carry_out_export(
        &self,
        request: Request<CarryOutExportRequest>,
    ) -> Result<Response<CarryOutExportResponse>, Status> {
        answer(request, |call, message| {
            carry::out(&self.register, &self.packager, call, message)
        })
        .await
    }

    async fn get_export(
        &self,
        request: Request<GetExportRequest>,
    ) -> Result<Response<Export>, Status> {
        answer(request, |call, message| {
            look::get(&self.register, call, message)
        })
        .await
    }

    async fn list_exports(
        &self,
        request: Request<ListExportsRequest>,
    ) -> Result<Response<ListExportsResponse>, Status> {
        answer(request, |call, message| {
            look::list(&self.register, call, message)
        })
        .await
    }

    async fn download_export(
        &self,
        request: Request<DownloadExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let stream = download::begin(&self.register, call, request.into_inner()).await;
        Ok(Response::new(Box::pin(
            stream.map_err(|fault| fault.into_status(language))?,
        )))
    }

    async fn confirm_deletion(
        &self,
        request: Request<ConfirmDeletionRequest>,
    ) -> Result<Response<Export>, Status> {
        answer(request, |call, message| {
            confirm::confirm(&self.register, call, message)
        })
        .await
    }

    async fn identify_watermark(
        &self,
        request: Request<IdentifyWatermarkRequest>,
    ) -> Result<Response<IdentifyWatermarkResponse>, Status> {
        answer(request, |call, message| {
            identify::identify(&self.register, call, message)
        })
        .await
    }
}
