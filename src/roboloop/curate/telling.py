"""Words whose exchange turns a sentence into another, however alike the rest of it is."""

from __future__ import annotations

_ENGLISH = """
left right up down upper lower above below over under top bottom front back behind middle center
inside outside near far nearest farthest closest
forward backward forwards backwards clockwise counterclockwise anticlockwise
north south east west horizontal vertical
open opened opens close closed closes push pull lift raise grasp release
increase decrease start stop before after first second third fourth fifth last next previous
no not never none without nothing yes true false null cannot
one two three four five six seven eight nine ten
more less fewer most least bigger smaller larger biggest smallest largest taller shorter longer
big small large little tall full empty hot cold wet dry
< > = ≤ ≥ ≠ + ×
red green blue yellow orange purple violet pink brown black white grey gray
"""

_CHINESE = (
    "左右上下前后後里裡内內外中东東南西北开開关關推拉不没沒无無未非是否"
    "一二三四五六七八九十两兩大小多少高低长長短远遠近先再首末满滿空红紅绿綠蓝藍黄黃橙紫粉棕黑白灰"
)

TELLING_WORDS: tuple[str, ...] = (*_ENGLISH.split(), *_CHINESE)
"""Directions, places, opposites, negations, signs, orders, sizes, small numbers, colours."""
