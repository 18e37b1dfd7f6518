"""What a gate shows people in words, in English and Chinese. Terms are those of the hub's console."""

from __future__ import annotations

from typing import Literal, get_args

from wire.events import Refusal, Temperature, Verdict

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = get_args(Lang)

_VERDICTS = {
    Verdict.NORMAL: ("normal", "体温正常"),
    Verdict.SUSPECT: ("suspect", "疑似发热"),
    Verdict.FEVER: ("fever", "发热"),
    Verdict.UNMEASURED: ("not measured", "未测到"),
}
_REFUSALS = {
    Refusal.NO_FACE: ("no face in view", "未见人脸"),
    Refusal.SEVERAL_FACES: ("several faces", "多张人脸"),
    Refusal.NOT_FRONTAL: ("face turned away", "未正对镜头"),
    Refusal.TOO_SMALL: ("too far away", "离镜头太远"),
    Refusal.TOO_COLD: ("face still cold", "面部受冷"),
    Refusal.WARMING_UP: ("camera warming up", "热像仪预热中"),
    Refusal.NO_REFERENCE: ("reference lost", "参考源丢失"),
    Refusal.SHUTTER: ("camera calibrating", "快门校准中"),
    Refusal.BAD_FRAME: ("bad picture", "图像无效"),
    Refusal.NO_CAMERA: ("no camera", "无热像仪"),
}
_WORDS = {
    "title": ("Thermal view", "热像画面"),
    "product": ("Menshen", "门神"),
    "nobody": ("nobody in view", "画面中无人"),
    "now": ("Now", "当前"),
    "last": ("Last person", "上一人"),
    "none-yet": ("nobody yet", "尚无"),
    "limit": ("fever from {0} °C", "{0} °C 起判为发热"),
    "looks": ("{0} looks", "{0} 次读数"),
    "look": ("1 look", "1 次读数"),
    "reference": ("Reference", "参考源"),
    "reference-seen": ("reads {0} °C", "示值 {0} °C"),
    "reference-set": ("reads {0} °C, set to {1} °C", "示值 {0} °C，设定 {1} °C"),
    "reference-none": ("none in view", "画面中没有"),
    "triage": ("Skin temperature. A triage aid, not a medical device.", "皮肤温度，仅供初筛，不作诊断。"),
    "age": ("{0} s ago", "{0} 秒前"),
    "just-now": ("just now", "刚刚"),
    "password": ("Password", "密码"),
    "log-in": ("Log in", "登录"),
    "log-out": ("Log out", "退出"),
    "guard": ("Guard at the gate", "门岗值守"),
    "wrong-password": ("That is not the password.", "密码不对。"),
    "too-often": ("Too many wrong passwords. Try again in {0} s.", "密码错误次数过多，请 {0} 秒后再试。"),
    "no-camera": ("No lane of this gate has a camera.", "本门岗的通道没有热像仪。"),
    "reports-only": ("this camera gives no pictures", "此热像仪不传画面"),
    "no-picture": ("No new picture from the camera.", "热像仪没有传来新画面。"),
    "no-gate": ("No connection to the gate. The picture is old.", "与门岗的连接中断，画面已过时。"),
    "no-script": ("Without scripts, load the page again for a new picture.", "未启用脚本，请刷新页面查看新画面。"),
}


def verdict(value: Verdict, lang: Lang) -> str:
    """A verdict in words."""
    return _in(_VERDICTS.get(value), str(value), lang)


def refusal(value: Refusal, lang: Lang) -> str:
    """Why nobody was given a temperature, in words."""
    return _in(_REFUSALS.get(value), str(value), lang)


def word(key: str, lang: Lang, *values: str) -> str:
    """One of the other words, with its values put in."""
    return _in(_WORDS[key], key, lang).format(*values)


def skin_text(temperature: Temperature) -> str:
    """`36.2`; with two places where one would seem to reach the limit and it does not."""
    text, limit_c = f"{temperature.skin_c:.1f}", temperature.limit_c
    if limit_c is not None and temperature.skin_c < limit_c <= float(text):
        return f"{temperature.skin_c:.2f}"
    return text


def _in(pair: tuple[str, str] | None, plain: str, lang: Lang) -> str:
    """In the language; what has no word yet is shown by its name."""
    return pair[LANGS.index(lang)] if pair is not None else plain.replace("-", " ")
