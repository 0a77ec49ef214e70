//! What a figure's records are, to whoever wants to see them.

use kefu_contracts::policy::DataClass;

use super::{Metric, Population};

/// The records that a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Records {
    /// Of their names, where a figure opens into them. `None`: who may see one is no matter of
    /// departments and classes alone, and so their own lists show them.
    pub(crate) collection: Option<&'static str>,
    /// Of what data they are: whoever has it cleared may be named each of them.
    pub(crate) class: DataClass,
}

const fn named(collection: &'static str, class: DataClass) -> Records {
    Records {
        collection: Some(collection),
        class,
    }
}

const fn unnamed(class: DataClass) -> Records {
    Records {
        collection: None,
        class,
    }
}

impl Metric {
    /// What its records are. Requests for files and looks at records, which are the company's own,
    /// are as exact as what is on file of customers.
    pub(crate) fn records(&self) -> Records {
        use Population as Of;
        match self.of {
            Of::Tickets
            | Of::RatedTickets
            | Of::ReceivedTickets
            | Of::SolvedTickets
            | Of::OnceSolvedTickets
            | Of::FirstContacts
            | Of::ComplaintsOfTickets
            | Of::OpenTickets
            | Of::Calls
            | Of::FirstResponses
            | Of::NextResponses
            | Of::Resolutions
            | Of::ResponsesDue
            | Of::ResolutionsDue => named("tickets", DataClass::Service),
            Of::Answers | Of::ServiceScores | Of::ResultScores => {
                named("surveys", DataClass::Service)
            }
            Of::InspectionScores | Of::InspectionsPassed => unnamed(DataClass::Service),
            Of::Orders
            | Of::Sales
            | Of::SalesOfProducts
            | Of::LatenessOfOrders
            | Of::StuckOrders
            | Of::AfterSalesOfOrders => named("orders", DataClass::Purchase),
            Of::Cases => named("cases", DataClass::Purchase),
            // What customers say is of what was done for them, whatever it is said of.
            Of::Reviews => named("orders", DataClass::Service),
            Of::CaseScores => named("cases", DataClass::Service),
            Of::FormerlyActive | Of::Cohorts | Of::Buyers => {
                named("customers", DataClass::Purchase)
            }
            Of::Visits => named("visits", DataClass::Relation),
            Of::Customers => named("customers", DataClass::Relation),
            Of::Checks | Of::Shares | Of::Reads => unnamed(DataClass::Relation),
        }
    }
}
