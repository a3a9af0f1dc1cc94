#!/usr/bin/env python3
"""Every change of three offices' calendars from 2024 to 2030, found by brute force.

Every quarter of an hour of seven years is put to Python's zoneinfo and to holidays written down here from the laws, with
Easter by Lilius' and Clavius' epacts (Knuth, The Art of Computer Programming, 1.3.2, exercise 14). Nothing is shared with the
exchange. Prints {"office": [["2024-01-01T00:00:00+01:00", "holiday"], ...]}.
"""
import json
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


def easter(year):
    golden = year % 19 + 1
    century = year // 100 + 1
    skipped_leaps = 3 * century // 4 - 12
    moon_correction = (8 * century + 5) // 25 - 5
    sunday = 5 * year // 4 - skipped_leaps - 10
    epact = (11 * golden + 20 + moon_correction - skipped_leaps) % 30
    if epact == 24 or (epact == 25 and golden > 11):
        epact += 1
    full_moon = 44 - epact
    if full_moon < 21:
        full_moon += 30
    day = full_moon + 7 - (sunday + full_moon) % 7
    return date(year, 3, 1) + timedelta(days=day - 1)


def monday(year, month, last=False):
    days = [d for d in (date(year, month, n) for n in range(1, 32) if n <= 30 or month in (1, 5, 8, 10)) if d.weekday() == MONDAY]
    return days[-1] if last else days[0]


def poland(year):
    days = {date(year, *md) for md in [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)]}
    if year >= 2025:
        days.add(date(year, 12, 24))
    return days | {easter(year) + timedelta(days=n) for n in (0, 1, 49, 60)}


def portugal(year):
    fixed = [(1, 1), (4, 25), (5, 1), (6, 10), (8, 15), (10, 5), (11, 1), (12, 1), (12, 8), (12, 25)]
    return {date(year, *md) for md in fixed} | {easter(year) + timedelta(days=n) for n in (-2, 0, 60)}


def ireland(year):
    february = date(year, 2, 1)
    brigid = february if february.weekday() == FRIDAY else monday_of_february(year)
    days = {date(year, 1, 1), brigid, date(year, 3, 17), easter(year) + timedelta(days=1), date(year, 12, 25), date(year, 12, 26)}
    return days | {monday(year, 5), monday(year, 6), monday(year, 8), monday(year, 10, last=True)}


def monday_of_february(year):
    return next(d for d in (date(year, 2, n) for n in range(1, 8)) if d.weekday() == MONDAY)


def clock(hours, minutes):
    return hours * 60 + minutes


# Monday to Sunday: spans of minutes; those beyond 24:00 reach into the next day.
WEEK = [[(clock(8, 0), clock(16, 0))] for _ in range(4)]
WEEK.append([(clock(8, 0), clock(16, 0)), (clock(20, 0), clock(26, 15))])
WEEK.append([(clock(9, 0), clock(12, 0)), (clock(13, 0), clock(15, 0))])
WEEK.append([(clock(0, 30), clock(1, 30)), (clock(2, 30), clock(3, 30))])


def state(local, holidays):
    def spans(day):
        return [] if day in holidays else WEEK[day.weekday()]

    today, minute = local.date(), local.hour * 60 + local.minute
    if any(begin <= minute < end for begin, end in spans(today)):
        return "open"
    if any(begin <= minute + 1440 < end for begin, end in spans(today - timedelta(days=1))):
        return "open"
    return "holiday" if today in holidays else "closed"


def changes(zone, law):
    zone = ZoneInfo(zone)
    holidays = set().union(*(law(year) for year in range(2023, 2032)))
    at = datetime(2024, 1, 1, tzinfo=zone).astimezone(timezone.utc)
    end = datetime(2031, 1, 1, tzinfo=zone).astimezone(timezone.utc)
    found, last = [], None
    while at < end:
        local = at.astimezone(zone)
        now = state(local, holidays)
        if now != last:
            found.append([local.isoformat(), now])
            last = now
        at += timedelta(minutes=15)
    return found


print(json.dumps({
    "warsaw": changes("Europe/Warsaw", poland),
    "lisbon": changes("Europe/Lisbon", portugal),
    "dublin": changes("Europe/Dublin", ireland),
}))
