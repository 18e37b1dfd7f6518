"""The boards, in the order in which they are listed."""

from __future__ import annotations

from dashboards.board import Board
from dashboards.boards.city import CITY
from dashboards.boards.devices import DEVICES
from dashboards.boards.duties import DUTIES
from dashboards.boards.fever import FEVER
from dashboards.boards.isolation import ISOLATION
from dashboards.boards.now import NOW
from dashboards.boards.phone import PHONE
from dashboards.boards.vehicles import VEHICLES

BOARDS: tuple[Board, ...] = (NOW, FEVER, VEHICLES, DUTIES, ISOLATION, DEVICES, CITY, PHONE)


def board_named(name: str) -> Board | None:
    return next((board for board in BOARDS if board.name == name), None)
