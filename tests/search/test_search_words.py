"""How texts become terms in each language, and which language texts are taken to be in."""

import unicodedata

import bm25s
import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.search.language import choose_language
from patray.search.lexical import Bm25
from patray.search.words import SNOWBALL, parse_language, terms

SENTENCES = {
    "english": "A wheelchair comprising a frame and a seat which is mounted on the frame, wherein the motor drives.",
    "german": "Rollstuhl mit einem Rahmen und einem Sitz, der auf dem Rahmen befestigt ist, wobei der Motor antreibt.",
    "french": "Fauteuil comprenant un cadre et un siège qui est monté sur le cadre, dans lequel le moteur tourne.",
    "spanish": "Silla que comprende un bastidor y un asiento que está montado en el bastidor, donde el motor gira.",
    "italian": "Sedia comprendente un telaio e un sedile che è montato sul telaio, in cui il motore aziona le ruote.",
    "portuguese": "Cadeira que compreende uma armação e um assento que é montado na armação, em que o motor gira.",
    "dutch": "Rolstoel met een frame en een zitting die op het frame is gemonteerd, waarbij de motor de as aandrijft.",
    "swedish": "Rullstol med en ram och en sits som är monterad på ramen, varvid motorn inte är aktiv.",
    "danish": "Kørestol med en ramme og et sæde, der er monteret på rammen, og bremsen ikke er aktiv af sig selv.",
    "norwegian": "Rullestol med en ramme og et sete som er montert på rammen, der bremsen ikke er aktiv etter start.",
    "finnish": "Pyörätuoli, jossa on runko ja istuin, joka on asennettu runkoon, ja moottori sekä jarru.",
    "hungarian": "Kerekesszék, amely egy vázat és egy ülést tartalmaz, ahol az ülés a vázra van szerelve.",
    "polish": "Wózek, który zawiera ramę oraz siedzisko, które jest zamocowane do ramy, przy czym silnik napędza koła.",
    "czech": "Vozík, který obsahuje rám a sedadlo, které je připevněno k rámu, přičemž motor pohání kola nebo brzdu.",
    "romanian": "Scaun care cuprinde un cadru și un scaun care este montat pe cadru, în care motorul acționează.",
    "russian": "Коляска, содержащая раму и сиденье, которое установлено на раме, и двигатель, который их приводит.",
    "turkish": "Bir çerçeve ve çerçeve üzerine monte edilmiş bir koltuk içeren sandalye, çok hızlı.",
    "greek": "Καρέκλα που περιλαμβάνει πλαίσιο και κάθισμα.",
    "arabic": "كرسي متحرك يشتمل على إطار ومقعد مثبت على الإطار في حين أن المحرك يدير العجلات",
    "hindi": "एक व्हीलचेयर जिसमें एक फ्रेम और एक सीट शामिल है",
    "chinese": "一种轮椅，包括框架和安装在框架上的座椅，其中电机驱动车轮。",
    "japanese": "フレームと、フレームに取り付けられた座席とを備える車椅子であって、モータが車輪を駆動する。",
    "korean": "프레임과 상기 프레임에 장착된 좌석을 포함하는 휠체어로서, 모터가 바퀴를 구동한다.",
    "thai": "รถเข็นประกอบด้วยโครงและที่นั่งซึ่งติดตั้งบนโครง โดยมอเตอร์ขับเคลื่อนล้อ",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_language_is_told_by_its_script_and_stop_words(language: str) -> None:
    assert choose_language([SENTENCES[language]] * 3) == language


def test_of_several_languages_the_most_texts_decide_and_ngrams_come_with_a_twentieth() -> None:
    english, german, chinese = (SENTENCES[name] for name in ("english", "german", "chinese"))
    assert choose_language([english] * 90 + [chinese] * 10) == "english+ngrams"
    assert choose_language([english] * 97 + [chinese] * 3) == "english"
    assert choose_language([german] * 50 + [chinese] * 50) == "german+ngrams"
    assert choose_language([german] * 51 + [english] * 49) == "german"
    assert choose_language([chinese] * 94 + [english] * 6) == "chinese"


@pytest.mark.parametrize("texts", [[], [""], ["wheel chair"], ["12 34", "---"]])
def test_where_nothing_tells_a_language_it_is_english(texts: list[str]) -> None:
    assert choose_language(texts) == "english"


@given(st.lists(st.text("aA0_éİ中文カ ก้\u0301-,ing", max_size=30)))
def test_english_terms_are_those_of_bm25s_tokenizer(texts: list[str]) -> None:
    theirs = bm25s.tokenize(
        texts, lower=True, stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False, show_progress=False
    )
    assert terms(texts) == [list(words) for words in theirs]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("chinese", "第12号设备USB-C插头A", ["第", "12", "号设", "设备", "usb", "插头"]),
        ("japanese", "ﾓｰﾀと車輪motors", ["モー", "ータ", "タと", "と車", "車輪", "motor"]),
        ("korean", "휠체어의 프레임", ["휠체", "체어", "어의", "프레", "레임"]),
        ("thai", "ล้อรถ wheels", ["ล้อ", "้อร", "อรถ", "wheel"]),
        ("english+ngrams", "the wheels of 轮椅", ["wheel", "轮椅"]),
        ("german+ngrams", "die Räder der 轮椅", ["rad", "轮椅"]),
        ("german", "Die Räder und die Bremsen", ["rad", "brems"]),
        ("french", "Les roues de l'essieu", ["rou", "essieu"]),
        ("turkish", "IŞIK İLE", ["ışık"]),
        ("hindi", "फ्रेम", ["फ्रेम"]),
        ("none", "The wheels ｗｉｄｅ", ["the", "wheels", "wide"]),
    ],
)  # fmt: skip
def test_terms_by_language(language: str, text: str, expected: list[str]) -> None:
    assert terms([text], language)[0] == expected


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert terms([unicodedata.normalize("NFD", "Räder")], "german") == terms(["Räder"], "german")


def test_every_stemmer_of_snowball_is_allowed_and_other_names_are_told_what_is() -> None:
    assert set(SNOWBALL) <= set(Stemmer.algorithms())
    assert all(terms(["ab cd"], name) for name in SNOWBALL)
    for wrong in ("klingon", "english+bigrams", "chinese+ngrams", "", "+ngrams"):
        with pytest.raises(InputError, match=r"allowed are chinese, japanese, korean, thai, none, and arabic, "):
            parse_language(wrong)


def test_a_chinese_query_finds_what_shares_a_word_with_it() -> None:
    documents = ["加热元件和风扇转速的设备", "座椅升降和制动机构的设备", "包括风扇转速的装置", "USB插头"]
    found = Bm25.build(documents, language="chinese").search(["风扇转速", "usb"], 4)
    assert set(found.patents[0, :2].tolist()) == {0, 2}
    assert found.patents[0, 2] == -1
    assert found.patents[1].tolist() == [3, -1, -1, -1]
