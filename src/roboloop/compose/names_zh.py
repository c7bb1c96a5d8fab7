"""Chinese names of common things, for data sets that name them in English only.

A name is looked up as it stands, then without what LVIS puts in brackets behind it. A record is
made in Chinese only if the names that its question and answer turn on are in the table; another
thing in the picture that is not is written in English, in quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_IN_BRACKETS = re.compile(r"\s*\([^)]*\)")

NAMES: Mapping[str, str] = MappingProxyType(
    {
        # People and their clothes
        "person": "人", "man": "男人", "woman": "女人", "boy": "男孩", "girl": "女孩",
        "child": "孩子", "baby": "婴儿", "guy": "男子", "people": "人群", "hair": "头发",
        "arm": "手臂", "hand": "手", "head": "头", "back": "后背", "chin": "下巴",
        "shirt": "衬衫", "jacket": "夹克", "pants": "裤子", "trousers": "长裤", "jean": "牛仔裤",
        "short pants": "短裤", "skirt": "裙子", "jersey": "运动衫", "sweatshirt": "卫衣",
        "shoe": "鞋", "shoes": "鞋", "sneakers": "运动鞋", "boot": "靴子", "sock": "袜子",
        "hat": "帽子", "cowboy hat": "牛仔帽", "baseball cap": "棒球帽", "helmet": "头盔",
        "glasses": "眼镜", "spectacles": "眼镜", "sunglasses": "太阳镜", "goggles": "护目镜",
        "belt": "腰带", "necktie": "领带", "bow-tie": "领结", "apron": "围裙", "mitten": "连指手套",
        "necklace": "项链", "earring": "耳环", "ring": "戒指", "watch": "手表", "wristlet": "腕带",
        "clothes": "衣服", "life jacket": "救生衣", "wet suit": "潜水服", "visor": "遮阳帽",
        "flip-flop": "人字拖", "tank top": "背心", "ski parka": "滑雪服", "button": "纽扣",
        # Bags
        "backpack": "背包", "bag": "包", "handbag": "手提包", "shopping bag": "购物袋",
        "suitcase": "行李箱", "duffel bag": "旅行袋", "wallet": "钱包", "umbrella": "雨伞",
        # Street
        "street": "街道", "road": "道路", "sidewalk": "人行道", "crosswalk": "人行横道",
        "building": "建筑物", "wall": "墙", "sign": "标志牌", "street sign": "路牌",
        "traffic light": "交通信号灯", "street light": "路灯", "streetlight": "路灯",
        "lamp post": "灯柱", "parking meter": "停车计时器", "fireplug": "消防栓", "pole": "杆子",
        "tree": "树", "trees": "树", "tree trunk": "树干", "shade": "树荫", "flag": "旗子",
        "car": "汽车", "truck": "卡车", "work truck": "工程车", "garbage truck": "垃圾车",
        "van": "面包车", "minivan": "小型客车", "bus": "公共汽车", "school bus": "校车",
        "cab": "出租车", "train": "火车", "airplane": "飞机", "boat": "船", "canoe": "独木舟",
        "bicycle": "自行车", "bike": "自行车", "bikes": "自行车", "motorcycle": "摩托车",
        "motor scooter": "小型摩托车", "wheel": "车轮", "headlight": "前灯", "taillight": "尾灯",
        "license plate": "车牌", "police cruiser": "警车", "propeller": "螺旋桨", "sail": "帆",
        "cone": "锥桶", "awning": "遮阳篷", "banner": "横幅", "railing": "栏杆", "balcony": "阳台",
        # Rooms and furniture
        "room": "房间", "floor": "地板", "door": "门", "window": "窗户", "windows": "窗户",
        "curtain": "窗帘", "curtains": "窗帘", "drape": "帷幔", "carpet": "地毯", "blanket": "毯子",
        "pillow": "枕头", "bed": "床", "headboard": "床头板", "sofa": "沙发", "couch": "沙发",
        "chair": "椅子", "chairs": "椅子", "stool": "凳子", "table": "桌子", "table top": "桌面",
        "dining table": "餐桌", "coffee table": "茶几", "desk": "书桌", "cabinet": "柜子",
        "filing cabinet": "文件柜", "drawer": "抽屉", "dresser": "梳妆台", "shelf": "架子",
        "shelves": "架子", "lamp": "灯", "lampshade": "灯罩", "light": "灯", "lights": "灯",
        "mirror": "镜子", "picture": "图画", "frame": "框", "clock": "时钟", "vase": "花瓶",
        "flowerpot": "花盆", "flower arrangement": "插花", "fireplace": "壁炉", "heater": "暖气",
        "air conditioner": "空调", "tablecloth": "桌布", "sink": "水槽", "faucet": "水龙头",
        "toilet": "马桶", "toilet tissue": "卫生纸", "shower head": "淋浴喷头", "soap": "肥皂",
        "bath mat": "浴室防滑垫", "toothbrush": "牙刷", "box": "盒子", "basket": "篮子",
        "handle": "把手", "knob": "旋钮", "outlet": "插座", "plug": "插头", "pipe": "管子",
        # Office and electronics
        "computer": "电脑", "laptop computer": "笔记本电脑", "computer monitor": "电脑显示器",
        "monitor computer monitor": "电脑显示器",
        "monitor": "显示器", "computer keyboard": "电脑键盘", "keyboard": "键盘", "mouse": "鼠标",
        "mousepad": "鼠标垫", "computer case": "电脑机箱", "computer tower": "电脑主机",
        "cpu": "电脑主机", "printer": "打印机", "fax machine": "传真机", "telephone": "电话",
        "cellular telephone": "手机", "office phone": "办公电话", "wireless phone": "无绳电话",
        "television set": "电视机", "speaker": "音箱", "camera": "相机", "cable": "电缆",
        "cables": "电缆", "book": "书", "books": "书", "paper": "纸", "pen": "笔",
        "marker": "记号笔", "cork-board": "软木板", "tripod": "三脚架", "remote control": "遥控器",
        "microwave oven": "微波炉", "refrigerator": "冰箱", "oven": "烤箱", "blender": "搅拌机",
        # Kitchen and food
        "bottle": "瓶子", "cup": "杯子", "mug": "马克杯", "glass": "玻璃杯", "plate": "盘子",
        "platter": "大浅盘", "bowl": "碗", "fork": "叉子", "knife": "刀", "spoon": "勺子",
        "soupspoon": "汤勺", "chopstick": "筷子", "napkin": "餐巾", "straw": "吸管",
        "chopping board": "砧板", "tray": "托盘", "banana": "香蕉", "apple": "苹果",
        "orange": "橙子", "lemon": "柠檬", "lime": "青柠", "peach": "桃子", "carrot": "胡萝卜",
        "potato": "土豆", "broccoli": "西兰花", "green onion": "葱", "green bean": "四季豆",
        "lettuce": "生菜", "salad": "沙拉", "beef": "牛肉", "bun": "小圆面包", "pizza": "披萨",
        "sandwich": "三明治", "cake": "蛋糕", "hot dog": "热狗", "donut": "甜甜圈",
        "pop": "汽水", "alcohol": "酒", "cigarette": "香烟", "ashtray": "烟灰缸",
        # Sport and play
        "ball": "球", "tennis ball": "网球", "tennis racket": "网球拍", "baseball": "棒球",
        "baseball bat": "棒球棒", "baseball glove": "棒球手套", "baseball base": "垒包",
        "skateboard": "滑板", "surfboard": "冲浪板", "snowboard": "单板滑雪板", "ski": "滑雪板",
        "ski pole": "滑雪杖", "ski boot": "滑雪靴", "kite": "风筝", "frisbee": "飞盘",
        "teddy bear": "泰迪熊", "pacifier": "奶嘴", "baby buggy": "婴儿车", "sculpture": "雕塑",
        # Animals
        "dog": "狗", "dog collar": "狗项圈", "cat": "猫", "cow": "牛", "bull": "公牛",
        "horse": "马", "sheep": "羊", "goose": "鹅", "bird": "鸟", "giraffe": "长颈鹿",
        "zebra": "斑马", "elephant": "大象", "bear": "熊", "shark": "鲨鱼", "seashell": "贝壳",
        # Things
        "key": "钥匙", "money": "钱", "tag": "标签", "chain": "链子", "strap": "带子",
        "log": "原木", "tarp": "防水布", "saddle": "鞍",
    }
)  # fmt: skip
"""English name -> Chinese name."""


def chinese_name(name: str) -> str | None:
    """The Chinese name; None where the table has none."""
    return NAMES.get(name) or NAMES.get(_IN_BRACKETS.sub("", name))
