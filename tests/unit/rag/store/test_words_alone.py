# ruff: noqa: RUF001 - marks of other scripts look alike
"""Questions find their passages by words alone, in scripts without blanks between words."""

from rag.languages import detect_language
from rag.store.edge.store import open_edge_writer
from tests.support.contracts.store import EMBEDDER, OURS, point, put, query

# A question and its passage, in Chinese, Japanese, Korean and Thai.
_PAIRS = [
    ("水泵为什么停机？", "水泵因漏油而停机，备件将于星期四送达。"),
    ("图书馆周末几点开门？", "图书馆工作日八点开门，周末十点开门。"),
    ("灯塔有多高？", "岛上的灯塔建于一九一二年，高三十四米。"),
    ("护照要带复印件吗？", "办理手续须带护照原件和两份复印件。"),
    ("苹果什么时候采摘？", "果园的苹果九月下旬采摘，梨要早两周。"),
    ("ポンプはなぜ停止しましたか？", "油漏れのためポンプが停止しました。"),
    ("図書館は何時に開きますか？", "図書館は平日は八時に開きます。"),
    ("灯台の高さは？", "島の灯台は高さ三十四メートルです。"),
    ("旅券の写しは必要ですか？", "手続きには旅券の写しが二枚必要です。"),
    ("りんごの収穫はいつ？", "りんごの収穫は九月下旬に始まります。"),
    ("펌프가 왜 멈췄나요?", "기름이 새서 펌프가 멈췄습니다."),
    ("도서관은 몇 시에 여나요?", "도서관이 평일에는 여덟 시에 엽니다."),
    ("등대의 높이는?", "섬에 있는 등대는 높이가 삼십사 미터입니다."),
    ("여권 사본이 필요합니까?", "수속에는 여권과 사본 두 장이 필요합니다."),
    ("사과는 언제 수확하나요?", "사과를 구월 하순에 수확합니다."),
    ("ปั๊มหยุดเพราะอะไร", "ปั๊มหยุดทำงานเพราะน้ำมันรั่ว"),
    ("ห้องสมุดเปิดกี่โมง", "ห้องสมุดเปิดแปดโมงเช้าในวันธรรมดา"),
    ("ประภาคารสูงเท่าไร", "ประภาคารบนเกาะสูงสามสิบสี่เมตร"),
    ("ต้องใช้สำเนาหนังสือเดินทางไหม", "การดำเนินการต้องใช้สำเนาหนังสือเดินทางสองชุด"),
    ("เก็บแอปเปิลเมื่อไร", "สวนเก็บแอปเปิลปลายเดือนกันยายน"),
]


async def test_questions_find_their_passages_by_words_alone(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as store:
        points = [
            point(passage, document=str(number), language=detect_language(passage))
            for number, (_, passage) in enumerate(_PAIRS)
        ]
        await put(store, OURS, points)
        await store.publish()
        first = [
            (await store.search(OURS, query(question, axis=1, words_share=1), limit=1))[0].chunk.text
            for question, _ in _PAIRS
        ]

    missed = [question for (question, passage), found in zip(_PAIRS, first, strict=True) if found != passage]
    assert missed == []
