# ruff: noqa: RUF001 - letters of other alphabets look alike
"""Recognise the language of a text, which selects stemming and stop words (ADR 53)."""

import re
from collections import Counter
from collections.abc import Mapping

STEMMED = ("ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "tr")
"""ISO 639-1 codes of the languages that BM25 can stem."""

# The most frequent short words of two letters and more. Languages without a stemmer are listed too, or their texts
# would count as others.
_FREQUENT: Mapping[str, str] = {
    "en": "the of and to in is that for it as with was on are be by this not from or have an at which you can if will",
    "de": "der die und den das von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat",
    "fr": "le la les et des en un une du que est dans qui pour pas au sur par plus ne se ce sont avec il ou où cette",
    "es": "el la de que los en del se las por un para con no una su al lo como más pero sus es está este son desde",
    "it": "il di che la per un non in sono una del con le si da della gli al dei nel più anche alla ha lo come",
    "pt": "que do da em um para com não uma os no se na por mais as dos como mas foi ao das são ou pelo está",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om die ook als bij maar door naar uit worden",
    "sv": "och att det som en på är av för med den till inte har de ett om var från så vid eller kan när ska utan",
    "da": "og at det er en til på som af for med den der ikke de har om var fra kan blev eller skal hvor efter når",
    "no": "og det er på en som til av for at med den ikke de har om et var fra kan ble eller skal etter når uten",
    "is": "og að er sem til um við en með það fyrir af ekki var hann eru því frá eða hún ég verið hefur þar",
    "fi": "ja on ei se että oli hän mutta tai kun ovat joka myös kuin jos niin sen ole tämä voi sekä ennen jotka vain",
    "tr": "ve bir bu da de için ile çok olarak daha gibi en olan sonra kadar ne var veya ancak her göre değil ise",
    "hu": "az és hogy nem egy is van meg ez de vagy ha csak már mint el lehet volt minden után amely pedig kell be",
    "ro": "și şi de în la cu pe că este din un nu care se pentru mai sau sunt fi au prin cel dar ce lângă după",
    "pl": "na się nie do że jest to jak po od za przez oraz dla ale który jego są być czy tylko może przed lub",
    "cs": "se na je že do to jako za pro po ve by ale jsou který byl která nebo od jeho při před také",
    "sk": "sa na je že do to aj ako za pre po vo by ale sú ktorý bol ktorá alebo od jeho pri pred tiež",
    "hr": "je da se na za su od koji ne kao iz te što bi ili nije će ali sve samo po prije kod bio koja",
    "sl": "in je se na da za so pa ne ki po bi ob kot tudi ali od iz le še ter do bil pri kar ni bo",
    "et": "ja on ei et see oli ta mis kui aga ka või ning oma selle siis kes ainult pärast enne nagu kõik tuleb",
    "lv": "un ir no ar uz ka par tas kas pie lai bet kā vai arī pēc jo nav tika tā pirms līdz gan tikai ne var",
    "lt": "ir yra kad iš su tai ne kaip bet apie už per prie buvo jo jos arba nuo iki po dar tik šio jei gali",
    "id": "yang dan di dengan untuk dari ini dalam pada tidak itu akan ke oleh adalah atau juga sebagai dapat telah",
    "vi": "là của và có không được cho trong các một những với này người để khi tại từ đã về theo cũng",
    "ca": "el la els les que en un una del per amb no es als és seva aquest però més són va ha també han dels",
    "ru": "не на что он как по это но из за от же для бы так все его до или также при были может быть был",
    "uk": "не на що він як по це до але із за від та для би так все його або також при були може бути",
    "bg": "не на че той като по това към но от за се са да или така всички също при бъде до който има може",
    "sr": "не на да је се са од за су који то као из али или што би до није по код све само ће био пре због",
    "mk": "во не на дека со од за се да кој но или до како по тоа што овој има може беше при сите само ќе",
}
# Letters of one script need no words to be recognised. The order decides for Japanese, which also uses Chinese letters.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7a3]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
)
# Persian and Urdu have letters that Arabic does not have.
_NOT_ARABIC = re.compile("[\u067e\u0686\u0698\u06a9\u06af\u06cc\u06d2]")
# Words of one letter are mostly names of variables.
_WORD = re.compile(r"[^\W\d_]{2,}")
_LATIN_WORD = re.compile(r"[a-z]")
# The words of the first page decide, so that a long document costs no more than a short one.
_PROBE = 8_000
# The share of letters that a script needs to decide: names in Greek do not make an English text Greek.
_SCRIPT_SHARE = 0.3
_DEFAULT = "en"
# In thousandths of a word that no other language has. Names, code and quotations make no English text foreign, and
# letters with accents are evidence against English themselves.
_MIN_EVIDENCE = 1_200
_MARGIN = 2


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the text's language, or "" if it has no words or its language is not known.

    Without any frequent word, as in a table of names, Latin letters count as English.
    """
    words = _WORD.findall(text[:_PROBE].lower())
    letters = "".join(words)
    for language, script in _SCRIPTS:
        if len(script.findall(letters)) > _SCRIPT_SHARE * len(letters):
            return "" if language == "ar" and _NOT_ARABIC.search(letters) else language
    evidence: Counter[str] = Counter()
    for word, count in Counter(words).items():
        languages = _BY_WORD.get(word, ())
        for language in languages:
            # A word that many languages have says little about the language.
            evidence[language] += count * 1_000 // len(languages)
    best = max(evidence, key=lambda language: (evidence[language], language == _DEFAULT), default="")
    least = _MIN_EVIDENCE if letters.isascii() else 1
    if evidence[best] >= max(least, _MARGIN * evidence[_DEFAULT]):
        return best
    return _DEFAULT if _LATIN_WORD.search(letters) else ""


def _languages_by_word() -> dict[str, tuple[str, ...]]:
    by_word: dict[str, tuple[str, ...]] = {}
    for language, words in _FREQUENT.items():
        for word in words.split():
            by_word[word] = (*by_word.get(word, ()), language)
    return by_word


_BY_WORD: Mapping[str, tuple[str, ...]] = _languages_by_word()
