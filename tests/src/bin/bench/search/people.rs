//! A million customers who are nobody: names as frequent as they are, addresses, numbers. The
//! same number is always the same customer.

use kefu_contracts::profile::{Address, Customer, CustomerType, Phone};

/// The most frequent surnames, each as often as among a thousand people of the mainland, about.
const SURNAMES: &[(&str, u32)] = &[
    ("王", 72),
    ("李", 71),
    ("张", 67),
    ("刘", 54),
    ("陈", 48),
    ("杨", 31),
    ("黄", 23),
    ("赵", 20),
    ("吴", 19),
    ("周", 18),
    ("徐", 15),
    ("孙", 14),
    ("马", 14),
    ("朱", 13),
    ("胡", 12),
    ("郭", 12),
    ("何", 12),
    ("林", 11),
    ("高", 11),
    ("罗", 10),
    ("郑", 9),
    ("梁", 9),
    ("谢", 8),
    ("宋", 8),
    ("唐", 7),
    ("许", 7),
    ("韩", 7),
    ("邓", 7),
    ("冯", 7),
    ("曹", 6),
    ("彭", 6),
    ("曾", 6),
    ("肖", 6),
    ("田", 5),
    ("董", 5),
    ("潘", 5),
    ("袁", 5),
    ("蔡", 5),
    ("蒋", 5),
    ("余", 5),
    ("于", 5),
    ("杜", 5),
    ("叶", 5),
    ("程", 5),
    ("魏", 4),
    ("苏", 4),
    ("吕", 4),
    ("丁", 4),
    ("任", 4),
    ("欧阳", 1),
    ("司马", 1),
    ("诸葛", 1),
];
/// Frequent in given names, more so the earlier they stand.
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华文玲建国红志春梅海燕雪晓东波宁辉力兰飞鹏宇浩凯健俊帆帅旭佳怡欣雨琳博文涵思晨轩子梓睿泽瑞嘉";
const PLACES: &[(&str, &str, &str)] = &[
    ("广东省", "深圳市", "南山区"),
    ("广东省", "广州市", "天河区"),
    ("北京市", "北京市", "朝阳区"),
    ("北京市", "北京市", "海淀区"),
    ("上海市", "上海市", "浦东新区"),
    ("上海市", "上海市", "徐汇区"),
    ("浙江省", "杭州市", "西湖区"),
    ("浙江省", "宁波市", "鄞州区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("江苏省", "苏州市", "工业园区"),
    ("四川省", "成都市", "武侯区"),
    ("湖北省", "武汉市", "洪山区"),
    ("陕西省", "西安市", "雁塔区"),
    ("山东省", "青岛市", "市南区"),
    ("福建省", "厦门市", "思明区"),
    ("湖南省", "长沙市", "岳麓区"),
    ("河南省", "郑州市", "金水区"),
    ("辽宁省", "大连市", "中山区"),
    ("重庆市", "重庆市", "渝中区"),
    ("天津市", "天津市", "和平区"),
];
const ROADS: &[&str] = &[
    "人民",
    "解放",
    "中山",
    "建设",
    "科技园",
    "文化",
    "和平",
    "新华",
    "长江",
    "黄河",
    "学府",
    "滨江",
    "创业",
    "体育",
    "迎宾",
    "胜利",
    "青年",
    "友谊",
    "光明",
    "西湖",
];
const TRADES: &[&str] = &[
    "精密科技",
    "贸易",
    "餐饮管理",
    "软件",
    "建筑工程",
    "物流",
    "医疗器械",
    "文化传播",
    "新能源",
    "电子商务",
];
const LATIN: &[&str] = &[
    "Smith",
    "Johnson",
    "Müller",
    "García",
    "Rossi",
    "Andersson",
    "Kowalski",
    "Novak",
    "Williams",
    "Martin",
    "Jonathan",
    "Elisabeth",
    "Catherine",
    "Alexander",
    "Stephanie",
];
/// Tags, one in so many files has them.
const TAGS: &[(&str, u64)] = &[
    ("VIP", 50),
    ("开发票", 11),
    ("老客户", 5),
    ("重点回访", 997),
];

/// All of them.
pub(crate) struct People {
    pub(crate) count: usize,
}

/// A row of numbers for one customer (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(number: usize) -> Self {
        Self(number as u64 ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.next(among.len() as u64) as usize]
    }
}

impl People {
    pub(crate) fn new(count: usize) -> Self {
        Self { count }
    }

    /// This customer.
    pub(crate) fn customer(&self, number: usize) -> Customer {
        let mut dice = Dice::of(number);
        let (name, company) = name(&mut dice);
        let (province, city, district) = dice.pick(PLACES);
        let street = format!(
            "{}路 {} 号 {} 栋 {} 室",
            dice.pick(ROADS),
            1 + dice.next(999),
            1 + dice.next(30),
            101 + dice.next(2600)
        );
        let tags = TAGS.iter().filter(|(_, every)| dice.next(*every) == 0);
        let tags = tags.map(|(tag, _)| (*tag).to_owned()).collect();
        Customer {
            r#type: if company {
                CustomerType::Enterprise
            } else {
                CustomerType::Person
            }
            .into(),
            display_name: name,
            region: dice.pick(&["华东", "华南", "华北", "西南", "华中"]).into(),
            phones: vec![Phone {
                number: phone(number),
                primary: true,
                ..Phone::default()
            }],
            addresses: vec![Address {
                province: province.into(),
                city: city.into(),
                district: district.into(),
                street,
                ..Address::default()
            }],
            tags,
            ..Customer::default()
        }
    }

    /// A number of one of them.
    pub(crate) fn some(&self, dice: &mut Dice) -> usize {
        dice.next(self.count as u64) as usize
    }
}

/// In E.164, nobody else's.
pub(crate) fn phone(number: usize) -> String {
    format!("+86139{number:08}")
}

pub(crate) fn surname(dice: &mut Dice) -> &'static str {
    let mut place = dice.next(SURNAMES.iter().map(|(_, often)| u64::from(*often)).sum());
    let mut surnames = SURNAMES.iter();
    let found = surnames.find(|(_, often)| {
        let here = place < u64::from(*often);
        place = place.saturating_sub(u64::from(*often));
        here
    });
    found.map_or("王", |(surname, _)| surname)
}

pub(crate) fn given(dice: &mut Dice) -> char {
    let letters: Vec<char> = GIVEN.chars().collect();
    // Of two, the one that stands earlier.
    let count = letters.len() as u64;
    letters[dice.next(count).min(dice.next(count)) as usize]
}

pub(crate) fn latin(dice: &mut Dice) -> &'static str {
    dice.pick(LATIN)
}

pub(crate) fn road(dice: &mut Dice) -> &'static str {
    dice.pick(ROADS)
}

fn name(dice: &mut Dice) -> (String, bool) {
    match dice.next(100) {
        0..=9 => {
            let (_, city, _) = dice.pick(PLACES);
            let own: String = [given(dice), given(dice)].iter().collect();
            (format!("{city}{own}{}有限公司", dice.pick(TRADES)), true)
        }
        10..=12 => (format!("{} {}", latin(dice), latin(dice)), false),
        kind => {
            let mut name = surname(dice).to_owned();
            name.push(given(dice));
            if kind > 30 {
                name.push(given(dice));
            }
            (name, false)
        }
    }
}
