//! What is said about four million things that were never asked: Chinese words as frequent as words are (Zipf), with
//! Latin names and numbers between them. The same number is always the same text.

/// What the words are made of, the frequent ones first.
const LETTERS: &str = "\
    的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方\
    多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情\
    明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给\
    世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太\
    量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象\
    完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔写换修退货款票单印纸卡顿慢快\
    坏损漏错号码密账户登录绑锁屏按键充线插池亮暗音响热冷温压阀滤芯装拆洗烘干衣冰箱调视碗灶具油烟燃净吸尘扫拖擦灯泡窗帘床垫椅\
    桌柜板漆木皮布棉绒毛鞋袜裤裙衬衫套帽围巾包拎盒袋瓶罐杯壶锅盆刀叉勺筷碟盘米粉盐酱醋糖茶咖啡奶酒饮料蔬肉鱼虾蛋豆饼糕零食早\
    午晚餐厅店铺街楼层室村镇县省城乡港澳台湖江河岛岸桥站车船证章签字约限延迟准备齐缺余额欠费缴纳扣除返优惠券满减折积级抽奖赠\
    送礼节庆祝福投诉议咨询馈评价差态耐貌专熟练推诿隐瞒欺骗虚假宣质检测维养试培训图片频附截邮短验网络断连启升版软硬驱兼容配置\
    参默恢复厂份步云端存储读速湿噪震磁辐射防护盖螺丝圈轴承齿轮链弹簧封刹胎毂镜座腰囊仪泵喷嘴火花塞缸曲柄杆臂架梁柱墙砖瓦泥沙\
    石钢铁铜铝锌镍塑胶橡玻璃陶瓷竹草叶枝根茎苗树林森牧羊牛猪鸡鸭鹅犬猫鸟虫猴虎龙蛇兔鼠狗春夏秋冬晴雷雪霜虹坪巷姓氏碎裂烫焦锈\
    堵渗锯钻锤钳梯桶绳";

/// What service is about; the most frequent words.
const KNOWN: &[&str] = &[
    "您好",
    "请问",
    "订单",
    "退款",
    "发货",
    "客服",
    "谢谢",
    "打印机",
    "物流",
    "地址",
    "快递",
    "维修",
    "安装",
    "发票",
    "退换货",
    "收到",
    "商品",
    "处理",
    "联系",
    "电话",
    "师傅",
    "上门",
    "密码",
    "登录不了",
    "账户",
    "会员积分",
    "优惠券",
    "保修期",
    "说明书",
    "坏了",
    "卡纸",
    "漏水",
    "噪音",
    "屏幕",
    "充电器",
    "电池",
    "重启",
    "升级",
    "网络",
    "断线",
    "空调",
    "洗衣机",
    "冰箱",
    "热水器",
    "滤芯",
    "不制冷",
    "开不了机",
    "质量问题",
    "赔偿",
    "投诉",
    "满意度",
    "回访",
];
/// Names and words of other languages that come up.
const LATIN: &[&str] = &[
    "iPhone",
    "ThinkPad",
    "Wi-Fi",
    "VPN",
    "USB",
    "LaserJet",
    "Android",
    "Windows",
    "Bluetooth",
    "OK",
    "PDF",
    "App",
    "refund",
    "invoice",
    "router",
    "firmware",
    "Matebook",
    "Photoshop",
    "Excel",
    "QQ",
];
/// Words there are.
const WORDS: usize = 20_000;
/// How much rarer the next word is: one in (rank + this).
const FLAT: f64 = 2.7;

/// A row of numbers for one text (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(number: u64) -> Self {
        Self(number ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Whoever says it.
pub(crate) struct Speech {
    /// Most frequent first.
    words: Vec<String>,
    /// How often each word comes, and all before it.
    often: Vec<u64>,
}

impl Speech {
    pub(crate) fn new() -> Self {
        let letters: Vec<char> = LETTERS.chars().collect();
        let mut dice = Dice::of(1);
        let mut words: Vec<String> = KNOWN.iter().map(|word| (*word).to_owned()).collect();
        while words.len() < WORDS {
            // Two characters mostly; of two letters, the one that stands earlier.
            let length = [2, 2, 2, 2, 2, 3, 3, 4][dice.next(8) as usize];
            let count = letters.len() as u64;
            let letter = |_| letters[dice.next(count).min(dice.next(count)) as usize];
            let word: String = (0..length).map(letter).collect();
            words.push(word);
        }
        let mut all = 0;
        let often = (0..words.len()).map(|rank| {
            all += (1e9 / (rank as f64 + FLAT)) as u64;
            all
        });
        let often = often.collect();
        Self { words, often }
    }

    /// The word at a place of the order by frequency.
    pub(crate) fn word(&self, rank: usize) -> &str {
        &self.words[rank % self.words.len()]
    }

    fn any(&self, dice: &mut Dice) -> &str {
        let place = dice.next(self.often.last().copied().unwrap_or(1));
        let rank = self.often.partition_point(|until| *until <= place);
        self.word(rank)
    }

    /// So many words, about 2.4 characters each.
    pub(crate) fn text(&self, dice: &mut Dice, words: u64) -> String {
        let mut text = String::new();
        for at in 1..=words {
            match dice.next(40) {
                0 => text.push_str(LATIN[dice.next(LATIN.len() as u64) as usize]),
                1 => text.push_str(&(1000 + dice.next(9_000_000)).to_string()),
                _ => text.push_str(self.any(dice)),
            }
            match dice.next(6) {
                0 if at < words => text.push('，'),
                _ if at == words => text.push('。'),
                _ => {}
            }
        }
        text
    }
}
