//! How what figures are grouped by is called, and how their values are written.

use kefu_contracts::{
    analytics::{Cadence, Dimension, Measure, MetricRow, Report, ReportSection},
    google::r#type::Date,
};
use kefu_service::error::Language;

use super::DEPARTMENTS;

/// Of a language.
pub(super) fn say(language: Language, zh: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

/// The one of two titles that the language asks for.
pub(super) fn title<'t>(language: Language, zh: &'t str, en: &'t str) -> &'t str {
    match language {
        Language::English if !en.is_empty() => en,
        _ => zh,
    }
}

/// What durations of a section are measured in, where that is not the time that went by.
pub(super) fn measured(section: &ReportSection, language: Language) -> Option<&'static str> {
    let by_calendar = !section.calendar.is_empty();
    by_calendar.then(|| say(language, "工作时间", "working time"))
}

/// `2026-11-30`; empty where there is none.
pub(super) fn day(date: Option<&Date>) -> String {
    date.map_or_else(String::new, |date| {
        format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
    })
}

/// The days of a period: the one, or the first and the last.
pub(super) fn days(first: Option<&Date>, last: Option<&Date>, language: Language) -> String {
    match (first, last) {
        (Some(first), Some(last)) if first == last => day(Some(first)),
        (Some(first), last) => format!(
            "{} {} {}",
            day(Some(first)),
            say(language, "至", "to"),
            day(last)
        ),
        (None, last) => format!("{} {}", say(language, "截至", "until"), day(last)),
    }
}

/// How often a report is made.
pub(super) fn cadence(cadence: Cadence, language: Language) -> &'static str {
    match cadence {
        Cadence::Daily | Cadence::Unspecified => say(language, "日报", "daily"),
        Cadence::Weekly => say(language, "周报", "weekly"),
        Cadence::Monthly => say(language, "月报", "monthly"),
    }
}

/// Which run it is.
pub(super) fn run(run: i32, language: Language) -> String {
    match language {
        Language::Chinese => format!("第 {run} 次"),
        Language::English => format!("run {run}"),
    }
}

/// What a report is of.
pub(super) fn audience(report: &Report, language: Language) -> String {
    match report.department.is_empty() {
        true => say(language, "全公司", "The whole company").to_owned(),
        false => department(report, &report.department),
    }
}

fn department(report: &Report, name: &str) -> String {
    let mut titles = report.departments.iter();
    let title = titles.find(|one| one.department == name);
    title.map_or(name, |one| &one.title).to_owned()
}

/// What a dimension is called.
pub(super) fn dimension(dimension: Dimension, language: Language) -> &'static str {
    use Dimension::{
        Age, Attempt, Category, Channel, Cohort, Credit, Currency, Customer, Day, Department,
        Employee, Frequency, Kind, Monetary, Month, Outcome, Priority, Product, Purpose, Recency,
        Region, Source, Status, Tier, Unspecified, Week,
    };
    let (zh, en) = match dimension {
        Unspecified => ("", ""),
        Day => ("日", "Day"),
        Week => ("周（自周一）", "Week from Monday"),
        Month => ("月", "Month"),
        Department => ("部门", "Department"),
        Status => ("状态", "State"),
        Priority => ("优先级", "Priority"),
        Kind => ("类型", "Kind"),
        Channel => ("渠道", "Channel"),
        Category => ("类别", "Category"),
        Attempt => ("第几次", "Attempt"),
        Tier => ("等级", "Tier"),
        Credit => ("信用等级", "Credit"),
        Purpose => ("目的", "Purpose"),
        Currency => ("币种", "Currency"),
        Source => ("来源", "Source"),
        Outcome => ("结果", "Outcome"),
        Cohort => ("首购月份", "Month of the first order"),
        Age => ("首购后月数", "Months since"),
        Recency => ("最近购买", "Recency"),
        Frequency => ("购买频次", "Frequency"),
        Monetary => ("购买金额", "Amount"),
        Employee => ("人员", "Employee"),
        Customer => ("客户", "Customer"),
        Product => ("产品类别", "Product category"),
        Region => ("地区", "Region"),
    };
    say(language, zh, en)
}

/// What a section is grouped by.
pub(super) fn grouped(section: &ReportSection) -> impl Iterator<Item = Dimension> {
    let numbers = section.group_by.iter();
    numbers.filter_map(|number| Dimension::try_from(*number).ok())
}

/// What a value of a dimension is called; what has no name here is written as it is.
pub(super) fn value(
    report: &Report,
    dimension: Dimension,
    value: &str,
    language: Language,
) -> String {
    use Dimension::{Channel, Credit, Department, Kind, Outcome, Priority, Purpose, Status, Tier};
    if value.is_empty() || value == "unspecified" {
        return say(language, "（无）", "(none)").to_owned();
    }
    match dimension {
        Department if value.starts_with(DEPARTMENTS) => department(report, value),
        Channel | Kind | Outcome | Priority | Purpose | Status | Tier => named(value, language),
        Credit => value.to_uppercase(),
        _ => value.to_owned(),
    }
}

/// What is in all other rows, or in all.
pub(super) fn group(
    report: &Report,
    section: &ReportSection,
    row: &MetricRow,
    language: Language,
) -> Vec<String> {
    if row.rest {
        let mut names = vec![say(language, "其他", "All others").to_owned()];
        names.resize(row.dimensions.len().max(1), String::new());
        return names;
    }
    let values = grouped(section).zip(&row.dimensions);
    values
        .map(|(dimension, text)| value(report, dimension, text, language))
        .collect()
}

fn named(value: &str, language: Language) -> String {
    let known = VALUES.iter().find(|(name, ..)| *name == value);
    known.map_or_else(
        || value.replace('_', " "),
        |(_, zh, en)| say(language, zh, en).to_owned(),
    )
}

/// Values of the contracts' enums as figures tell them.
const VALUES: &[(&str, &str, &str)] = &[
    // Tickets.
    ("new", "新建", "New"),
    ("open", "处理中", "Open"),
    ("pending", "等待中", "Pending"),
    ("resolved", "已解决", "Resolved"),
    ("closed", "已关闭", "Closed"),
    ("merged", "已合并", "Merged"),
    ("low", "低", "Low"),
    ("moderate", "中", "Moderate"),
    ("high", "高", "High"),
    ("critical", "紧急", "Critical"),
    ("consultation", "咨询", "Consultation"),
    ("complaint", "投诉", "Complaint"),
    ("suggestion", "建议", "Suggestion"),
    ("service_request", "服务请求", "Service request"),
    // Ways to meet.
    ("phone", "电话", "Phone"),
    ("online", "在线", "Online"),
    ("email", "电子邮件", "E-mail"),
    ("mail", "信函", "Mail"),
    ("questionnaire", "问卷", "Questionnaire"),
    ("social", "社交媒体", "Social media"),
    ("on_site", "现场", "On site"),
    ("self_service", "自助", "Self-service"),
    // Orders.
    ("submitted", "已提交", "Submitted"),
    ("confirmed", "已确认", "Confirmed"),
    ("paid", "已付款", "Paid"),
    ("picking", "拣货中", "Picking"),
    ("short", "缺货", "Short"),
    ("shipped", "已发货", "Shipped"),
    ("delivered", "已送达", "Delivered"),
    ("completed", "已完成", "Completed"),
    ("cancelled", "已取消", "Cancelled"),
    // After-sales cases.
    ("guidance", "使用指导", "Guidance"),
    ("repair", "维修", "Repair"),
    ("maintenance", "保养", "Maintenance"),
    ("installation", "安装", "Installation"),
    ("return", "退货", "Return"),
    ("exchange", "换货", "Exchange"),
    ("refund", "退款", "Refund"),
    ("registered", "已登记", "Registered"),
    ("checked", "已核实", "Checked"),
    ("planned", "已计划", "Planned"),
    ("agreed", "已同意", "Agreed"),
    ("under_way", "执行中", "Under way"),
    ("done", "已完成", "Done"),
    ("evaluated", "已评价", "Evaluated"),
    // Visits.
    ("dropped", "已放弃", "Dropped"),
    ("ended", "已结束", "Ended"),
    ("plan", "计划", "Planned"),
    ("appointment", "约定", "Appointment"),
    ("hand", "人工", "By hand"),
    // Customers.
    ("person", "个人", "Person"),
    ("enterprise", "企业", "Enterprise"),
    ("normal", "普通", "Normal"),
    ("silver", "银牌", "Silver"),
    ("gold", "金牌", "Gold"),
    ("diamond", "钻石", "Diamond"),
    ("draft", "草稿", "Draft"),
    ("archived", "已归档", "Archived"),
    ("in_review", "审批中", "In review"),
    ("returned", "已退回", "Returned"),
    ("withdrawn", "已撤回", "Withdrawn"),
    ("destroyed", "已销毁", "Destroyed"),
    // Checks.
    ("document", "证件核对", "Documents"),
    ("identity", "身份核验", "Identity"),
    ("account", "账户核验", "Account"),
    ("confirmation", "客户确认", "Confirmation"),
    ("manual", "人工", "By hand"),
    ("connector", "接口", "Connector"),
    ("signature", "签字", "Signature"),
    ("e_signature", "电子签名", "E-signature"),
    ("system", "系统", "System"),
    ("passed", "通过", "Passed"),
    ("mismatch", "不符", "Mismatch"),
    ("could_not_be_done", "未能核验", "Could not be done"),
    // Inspections.
    ("in_hand", "进行中", "In hand"),
    ("to_decide", "待裁定", "To be decided"),
    ("final", "已定", "Final"),
    ("appealed", "申诉中", "Appealed"),
    // Requests.
    ("share", "共享", "Share"),
    ("borrowing", "借阅", "Borrowing"),
    ("destruction", "销毁", "Destruction"),
    ("approved", "已批准", "Approved"),
    ("scheduled", "待生效", "Scheduled"),
    ("active", "生效中", "Active"),
    ("rejected", "已驳回", "Rejected"),
    ("expired", "已过期", "Expired"),
    ("revoked", "已收回", "Revoked"),
    // Looks.
    ("company", "公司自身记录", "The company's own"),
    ("customer", "客户记录", "Customers' records"),
    ("shown", "已展示", "Shown"),
    ("refused", "被拒绝", "Refused"),
    ("service", "客户服务", "Service"),
    ("quality", "质量管理", "Quality"),
    ("sales", "销售", "Sales"),
    ("marketing", "营销", "Marketing"),
    ("analysis", "分析", "Analysis"),
    ("audit", "审计", "Audit"),
    ("training", "培训", "Training"),
    ("transfer", "系统移交", "Transfer"),
    ("administration", "管理", "Administration"),
];

/// The value that a figure is about.
pub(super) fn number(measure: Measure, row: &MetricRow) -> Option<f64> {
    match measure {
        Measure::Count | Measure::Unspecified => Some(whole(row.count)),
        Measure::Mean | Measure::Rate | Measure::Duration => row.mean,
        Measure::Sum => row.sum.as_ref().and_then(|sum| sum.parse().ok()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn whole(count: i64) -> f64 {
    count as f64
}

/// A value as it is written.
pub(super) fn written(measure: Measure, value: Option<f64>, language: Language) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    match measure {
        Measure::Count | Measure::Unspecified => thousands(&format!("{value:.0}")),
        Measure::Mean | Measure::Sum => thousands(&format!("{value:.2}")),
        Measure::Rate => percent(value),
        Measure::Duration => duration(value, language),
    }
}

/// A value as a chart has room for: large amounts without what is behind the point.
pub(super) fn short(measure: Measure, value: Option<f64>, language: Language) -> String {
    match (measure, value) {
        (Measure::Mean | Measure::Sum, Some(value)) if value >= 1000.0 || value == 0.0 => {
            thousands(&format!("{value:.0}"))
        }
        _ => written(measure, value, language),
    }
}

/// `12,345`
pub(super) fn count(count: i64) -> String {
    thousands(&count.to_string())
}

/// `87.5%`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Of seconds: the two largest parts of it.
pub(super) fn duration(seconds: f64, language: Language) -> String {
    const PARTS: [(f64, &str, &str); 4] = [
        (86_400.0, "天", "d"),
        (3600.0, "小时", "h"),
        (60.0, "分", "min"),
        (1.0, "秒", "s"),
    ];
    let mut left = seconds.round().max(0.0);
    let begun = PARTS
        .iter()
        .position(|(size, ..)| left >= *size)
        .unwrap_or(3);
    let mut parts = Vec::new();
    for (size, zh, en) in PARTS.iter().skip(begun).take(2) {
        let times = (left / size).floor();
        left -= times * size;
        if times > 0.0 || parts.is_empty() {
            parts.push(format!("{times:.0} {}", say(language, zh, en)));
        }
    }
    parts.join(" ")
}

/// A decimal with commas between thousands.
pub(super) fn thousands(decimal: &str) -> String {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", decimal),
    };
    let (whole, rest) = match digits.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (digits, String::new()),
    };
    let mut written = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    format!("{sign}{written}{rest}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(thousands("-1234.50"), "-1,234.50");
        assert_eq!(thousands("999"), "999");
        assert_eq!(percent(0.875), "87.5%");
        let english = |seconds| duration(seconds, Language::English);
        assert_eq!(english(0.0), "0 s");
        assert_eq!(english(59.6), "1 min");
        assert_eq!(english(7500.0), "2 h 5 min");
        assert_eq!(english(90_000.0), "1 d 1 h");
        assert_eq!(duration(3661.0, Language::Chinese), "1 小时 1 分");
        assert_eq!(written(Measure::Mean, None, Language::English), "–");
        let short = |value| short(Measure::Sum, Some(value), Language::English);
        assert_eq!(
            [short(0.0), short(4.5), short(97_283.23)],
            ["0", "4.50", "97,283"]
        );
    }

    #[test]
    fn each_value_has_one_name_in_each_language() {
        let names: BTreeSet<&str> = VALUES.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names.len(), VALUES.len());
        assert!(
            VALUES
                .iter()
                .all(|(_, zh, en)| !zh.is_ascii() && !en.is_empty())
        );
        assert_eq!(named("service_request", Language::Chinese), "服务请求");
        assert_eq!(
            named("of_a_later_contract", Language::English),
            "of a later contract"
        );
    }
}
