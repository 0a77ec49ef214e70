//! Words that say nothing of what a text is about.

/// Of Chinese texts: function words, and what stands in every ticket.
const CHINESE: &[&str] = &[
    "一下", "一个", "一些", "一直", "一样", "上午", "下午", "不同", "不同意", "不能", "不要", "不行", "不知",
    "不知道", "为何", "为什么", "之前", "之后", "什么", "今天", "他们", "以及", "以后", "以前", "但是", "你们",
    "你好", "使用", "公司", "再次", "发现", "可以", "可能", "可是", "同意", "告知", "周末", "咨询", "哪里",
    "因为", "如何", "如果", "客户", "客服", "对于", "已经", "希望", "应该", "建议", "开始", "当时", "必须",
    "怎么", "怎么办", "怎样", "怎么样", "您好", "情况", "想要", "感谢", "感觉", "我们", "所以", "投诉", "提供",
    "收到", "明天", "昨天", "是否", "有关", "有没有", "有的", "来电", "比较", "没有", "然后", "现在", "用户",
    "由于", "直接", "知道", "确认", "确实", "联系", "自己", "自行", "表示", "要求", "觉得", "认为", "说明",
    "请问", "谢谢", "起来", "进行", "这个", "这些", "这样", "还是", "还有", "那个", "那些", "部门", "里面",
    "问题", "需要", "非常", "其他", "其它", "之一", "出现", "先生", "女士", "小姐", "师傅", "处理", "反映",
    "反馈", "回复", "电话", "人员", "原因", "导致", "造成", "由", "于是", "关于", "目前", "时候", "时间",
];

/// Of texts in English.
const ENGLISH: &[&str] = &[
    "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "ask", "asked", "asks", "at", "be",
    "because", "been", "before", "but", "by", "call", "called", "can", "cannot", "could", "customer", "day",
    "did", "do", "does", "done", "for", "from", "get", "give", "given", "had", "has", "have", "he", "hello",
    "help", "her", "here", "him", "his", "how", "if", "in", "into", "is", "issue", "it", "its", "just", "know",
    "like", "made", "make", "me", "more", "mr", "mrs", "ms", "my", "need", "needs", "no", "not", "now", "of",
    "off", "on", "one", "only", "or", "our", "out", "over", "please", "problem", "question", "said", "says",
    "see", "she", "should", "so", "some", "still", "thank", "thanks", "that", "the", "their", "them", "then",
    "there", "they", "this", "ticket", "to", "told", "too", "up", "us", "use", "used", "very", "want", "wants",
    "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "yes", "you",
    "your",
];

/// Whether it says nothing.
pub(super) fn is_stop_word(word: &str) -> bool {
    CHINESE.contains(&word) || ENGLISH.contains(&word)
}
