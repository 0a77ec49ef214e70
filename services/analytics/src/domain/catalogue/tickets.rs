//! Figures of tickets, their clocks, and what customers say of them.

use kefu_contracts::analytics::{
    Dimension::{
        self, Attempt, Category, Channel, Day, Department, Employee, Kind, Month, Priority, Status,
        Week,
    },
    Measure,
};

use super::{Metric, Population, Text, text};

const OF_TICKETS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Status, Priority, Kind, Channel, Category,
];
const OF_CLOCKS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Priority, Kind, Channel, Attempt,
];
const OF_ANSWERS: &[Dimension] = &[Day, Week, Month, Department, Employee, Channel, Attempt];

const OF_INSPECTIONS: &[Dimension] = &[Day, Week, Month, Department, Employee, Status];

const TICKETS: Text = text("张", "tickets");
const SHARE: Text = text("占比（0 至 1）", "share from 0 to 1");
const SECONDS: Text = text("秒", "seconds");
const SCORE: Text = text("分（1 至 5）", "score from 1 to 5");

pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "tickets",
        title: text("工单量", "Tickets"),
        definition: text(
            "工单数；按渠道分组即渠道占比，按人员分组即处理量",
            "number of tickets; by channel the channels' shares, by employee what each was given",
        ),
        population: text(
            "所有已受理的工单，无论当前状态；已并入其他工单的按“已合并”计一次；按受理时间归日",
            "every ticket received, whatever its state now, one that is part of another once as merged; its day is that on which it was received",
        ),
        unit: TICKETS,
        measure: Measure::Count,
        of: Population::Tickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "OP-4.2", "IH-3.1"],
    },
    Metric {
        id: "ticket_satisfaction",
        title: text("工单评分", "Scores of tickets"),
        definition: text(
            "工单上登记的评分的平均值；满意度（KPI）不用它，而用 satisfaction",
            "mean of the scores noted in tickets; the KPI is not this one but `satisfaction`",
        ),
        population: text(
            "登记了客户评分（1 至 5 分）的工单，含导入的；按受理时间归日",
            "every ticket in which a score of the customer (1 to 5) was noted, imported ones too; its day is that on which it was received",
        ),
        unit: SCORE,
        measure: Measure::Mean,
        of: Population::RatedTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "resolution_rate",
        title: text("解决率", "Resolution rate"),
        definition: text(
            "已解决的工单 ÷ 已受理的工单；重开后未再解决的、未解决而关闭的，不算已解决",
            "tickets resolved ÷ tickets received; one that was reopened and not resolved again is not, nor is one that was closed without",
        ),
        population: text(
            "所有已受理的工单，不含已并入其他工单的；按受理时间归日",
            "every ticket received but those that are part of another; its day is that on which it was received",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::ReceivedTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "reopening_rate",
        title: text("重开率", "Reopening rate"),
        definition: text(
            "曾被重开的工单 ÷ 曾被解决的工单",
            "tickets that were reopened ÷ tickets that were once resolved",
        ),
        population: text(
            "所有曾被解决的工单，含重开后尚未再解决的，不含已并入其他工单的；按受理时间归日",
            "every ticket that was once resolved, also one that was reopened since, but those that are part of another; its day is that on which it was received",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::OnceSolvedTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "IH-3.2"],
    },
    Metric {
        id: "first_contact_resolution",
        title: text("首次联系解决率", "First-contact resolution"),
        definition: text(
            "从未重开、且解决前客户未再来言的工单 ÷ 曾被解决的工单；解决之后的来言不算",
            "tickets that were never reopened and took no further message of the customer until the solution ÷ tickets that were once resolved; what is said after the solution does not count",
        ),
        population: text(
            "所有曾被解决的工单，含重开后尚未再解决的，不含已并入其他工单的，也不含客户来言数未记入日志的早期工单；并入的工单算作一次来言；按受理时间归日",
            "every ticket that was once resolved, also one that was reopened since, but those that are part of another and those of before the journal said how often the customer wrote; one that became part of it is a message; its day is that on which it was received",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::FirstContacts,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "complaint_rate",
        title: text("投诉率", "Complaint rate"),
        definition: text(
            "投诉工单 ÷ 已受理的工单；按工单当前类型，不论投诉是否成立",
            "tickets that are complaints ÷ tickets received; by what each is called now, justified or not",
        ),
        population: text(
            "所有已受理的工单，不含已并入其他工单的；按受理时间归日",
            "every ticket received but those that are part of another; its day is that on which it was received",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::ComplaintsOfTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "OP-4.2"],
    },
    Metric {
        id: "backlog",
        title: text("积压", "Backlog"),
        definition: text(
            "当前未了结的工单及其已等待的时长；按人员分组即在手工作量",
            "tickets that are not over now, and how old they are; by employee what each has in hand",
        ),
        population: text(
            "当前未解决亦未关闭的工单，不含已并入其他工单的；按受理时间归日",
            "every ticket that is neither resolved nor closed now but those that are part of another; its day is that on which it was received",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::OpenTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "SG-3", "IH-7"],
    },
    Metric {
        id: "total_resolution_time",
        title: text("解决总时长", "Time to resolution in total"),
        definition: text(
            "自受理至当前有效的解决，按钟表时间，含历次重开",
            "from being received until the solution that stands, by the wall clock, all attempts together",
        ),
        population: text(
            "已解决的工单，不含已并入其他工单的；按受理时间归日",
            "every ticket that is resolved but those that are part of another; its day is that on which it was received",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::SolvedTickets,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4", "IH-4"],
    },
    Metric {
        id: "call_duration",
        title: text("通话时长", "Call duration"),
        definition: text(
            "与客户的每次通话从开始到结束的时长；每次一计",
            "how long each call with a customer took; each by itself",
        ),
        population: text(
            "登记了起止时间的通话，含工单受理时的和其后回复中的；部门、人员等按工单当前；受理时的按受理时间归日，其后的按通话开始归日",
            "every call of a ticket that is known to have begun and ended, the one that it came by and those of later replies; by what the ticket is now; the day of the first is that on which the ticket was received, of the others that on which they began",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::Calls,
        dimensions: OF_TICKETS,
        clauses: &["CC-1.4"],
    },
    Metric {
        id: "first_response_time",
        title: text("首次响应时长", "Time to the first response"),
        definition: text(
            "自客户来访至首次答复或解决，只计营业时间",
            "from the customer's turning to us until the first answer or the solution, in open time",
        ),
        population: text(
            "有目标且已停止的首次响应计时；按计时开始归日",
            "every clock of a first response that had a target and has stopped; its day is that on which it began",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::FirstResponses,
        dimensions: OF_CLOCKS,
        clauses: &["IH-4", "SG-2.1", "OP-4.2"],
    },
    Metric {
        id: "next_response_time",
        title: text("后续响应时长", "Time to later responses"),
        definition: text(
            "自客户再次来言至答复或解决，只计营业时间；每次一计",
            "from each later message that nobody had answered until the answer or the solution, in open time; each by itself",
        ),
        population: text(
            "有目标且已停止的后续响应计时；按计时开始归日",
            "every clock of a later response that had a target and has stopped; its day is that on which it began",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::NextResponses,
        dimensions: OF_CLOCKS,
        clauses: &["IH-4", "SG-2.4"],
    },
    Metric {
        id: "resolution_time",
        title: text("解决时长", "Time to resolution by attempt"),
        definition: text(
            "自受理或重开至解决，只计营业时间，扣除按规则暂停的时间；每次尝试一计",
            "from being received or reopened until the solution, in open time, less what the rules stop the clock for; each attempt by itself",
        ),
        population: text(
            "有目标且已停止的解决计时；按计时开始归日",
            "every clock of a resolution that had a target and has stopped; its day is that on which it began",
        ),
        unit: SECONDS,
        measure: Measure::Duration,
        of: Population::Resolutions,
        dimensions: OF_CLOCKS,
        clauses: &["CC-1.4", "SG-2.1"],
    },
    Metric {
        id: "timely_response_rate",
        title: text("及时响应率", "Timely-response rate"),
        definition: text(
            "在目标内的首次响应 ÷ 应响应数",
            "first responses inside their target ÷ responses due",
        ),
        population: text(
            "有目标的首次响应计时，已响应或已超时的；随合并而止的不计；按人员分组时，超时的计给到期时的经办人；按计时开始归日",
            "every clock of a first response with a target that has stopped or is past its due time, but those that ended with a merge, by employee one that was missed of who had the ticket when it was due; its day is that on which it began",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::ResponsesDue,
        dimensions: OF_CLOCKS,
        clauses: &["OP-4.2", "CC-1.4", "SG-2.1", "SG-7"],
    },
    Metric {
        id: "timely_resolution_rate",
        title: text("及时解决率", "Timely-resolution rate"),
        definition: text(
            "在目标内的解决 ÷ 应解决数；每次尝试一计",
            "solutions inside their target ÷ solutions due; each attempt by itself",
        ),
        population: text(
            "有目标的解决计时，已解决或已超时的；随合并而止的不计；按人员分组时，超时的计给到期时的经办人；按计时开始归日",
            "every clock of a resolution with a target that has stopped or is past its due time, but those that ended with a merge, by employee one that was missed of who had the ticket when it was due; its day is that on which it began",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::ResolutionsDue,
        dimensions: OF_CLOCKS,
        clauses: &["OP-4.2", "SG-7"],
    },
    Metric {
        id: "satisfaction",
        title: text("满意度", "Satisfaction"),
        definition: text(
            "满意的答卷 ÷ 答卷；服务分与结果分均为 4 分或以上为满意；按人员分组即所评解决时的经办人",
            "satisfied answers ÷ answers; satisfied is who gave 4 or more for the service and for the result; by employee who had the ticket when it was resolved",
        ),
        population: text(
            "客户对工单满意度调查的答卷，每次解决一份；工单上登记的评分不在其中（见 ticket_satisfaction）；按首次作答时间归日",
            "every answer to a survey of a ticket, one for each resolution; scores noted in tickets are not among them (see ticket_satisfaction); its day is that of the first answer",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::Answers,
        dimensions: OF_ANSWERS,
        clauses: &["CC-1.4", "OP-4.2", "SG-4"],
    },
    Metric {
        id: "service_score",
        title: text("服务评分", "Score for the service"),
        definition: text(
            "答卷中服务分的平均值",
            "mean of the scores given for the service",
        ),
        population: text(
            "客户对工单满意度调查的答卷；按首次作答时间归日",
            "every answer to a survey of a ticket; its day is that of the first answer",
        ),
        unit: SCORE,
        measure: Measure::Mean,
        of: Population::ServiceScores,
        dimensions: OF_ANSWERS,
        clauses: &["OP-4.2"],
    },
    Metric {
        id: "result_score",
        title: text("结果评分", "Score for the result"),
        definition: text(
            "答卷中结果分的平均值",
            "mean of the scores given for the result",
        ),
        population: text(
            "客户对工单满意度调查的答卷；按首次作答时间归日",
            "every answer to a survey of a ticket; its day is that of the first answer",
        ),
        unit: SCORE,
        measure: Measure::Mean,
        of: Population::ResultScores,
        dimensions: OF_ANSWERS,
        clauses: &["OP-4.2"],
    },
    Metric {
        id: "inspection_score",
        title: text("质检得分", "Scores of inspections"),
        definition: text(
            "质检得分的平均值；申诉改判后按改判",
            "mean of the scores; where an appeal changed one, that one",
        ),
        population: text(
            "所有有结果的质检；按抽取时间归日",
            "every inspection that has a result; its day is that on which it was drawn",
        ),
        unit: text("分（0 至 100）", "score from 0 to 100"),
        measure: Measure::Mean,
        of: Population::InspectionScores,
        dimensions: OF_INSPECTIONS,
        clauses: &["OP-4.2", "OP-5", "SG-7"],
    },
    Metric {
        id: "inspection_pass_rate",
        title: text("质检合格率", "Pass rate of inspections"),
        definition: text(
            "合格的质检 ÷ 有结果的质检",
            "inspections passed ÷ inspections with a result",
        ),
        population: text(
            "所有有结果的质检；按抽取时间归日",
            "every inspection that has a result; its day is that on which it was drawn",
        ),
        unit: SHARE,
        measure: Measure::Rate,
        of: Population::InspectionsPassed,
        dimensions: OF_INSPECTIONS,
        clauses: &["OP-4.2", "OP-5", "SG-7"],
    },
];
