#!/usr/bin/env python3
"""A real phone (baresip) that does as it is told while it lives: one command per line on stdin, one JSON object per event on stdout.

Commands: dial EXTENSION  accept  hangup  press DIGITS (RFC 4733)  hold  resume  transfer EXTENSION (blind REFER)
The end of stdin ends the phone. Killed, it leaves as a phone whose cable is cut: no BYE, its registration stands.
The first object is {"type": "READY", "registered": true}; then baresip's own events follow: CALL_INCOMING, CALL_RINGING,
CALL_ESTABLISHED, CALL_CLOSED, CALL_DTMF_START ... each with `t`, the moment in seconds.
"""
import argparse
import json
import select
import sys
import time

from baresip import Baresip

ATTEMPTS = 3   # to begin a phone that has `mwi`
UNTOLD = ("CALL_RTCP", "REGISTERING")   # events without news


def tell(**event):
    print(json.dumps(event), flush=True)


def obey(phone, line):
    verb, _, value = line.strip().partition(" ")
    if verb == "press":
        for digit in value:
            phone.command("sndcode", digit)
            phone.read(0.25)
    elif verb:
        phone.command(verb, value or None)


def live(phone, accept_after):
    """Until stdin ends. Every call is accepted `accept_after` seconds after it came, unless that is None."""
    due, waiting = [], b""
    while True:
        for event in phone.events:
            if event.get("type") == "CALL_INCOMING" and accept_after is not None:
                due.append(event["_t"] + accept_after)
            if event.get("type") not in UNTOLD and "type" in event:
                tell(t=event.pop("_t"), **event)
        phone.events.clear()
        patience = max(0, due[0] - time.time()) if due else 60
        ready, _, _ = select.select([sys.stdin.buffer, phone.door], [], [], patience)
        if due and time.time() >= due[0]:
            due.pop(0)
            phone.command("accept")
        if phone.door in ready:
            phone.read(0)
        if sys.stdin.buffer in ready:
            read = sys.stdin.buffer.raw.read(4096)
            if not read:
                return
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                obey(phone, line.decode())


def begun(ask):
    """The phone, and whether it is registered. With `mwi`, on a busy machine, baresip 1.0.0 now and then subscribes thousands of times
    without listening in between, to its door or to anybody; such a one is killed and begun anew."""
    for attempt in range(ATTEMPTS):
        phone = Baresip(ask.user, ask.host, ask.port, ask.password, folder=ask.out, play=ask.play, over_and_over=True, transport=ask.transport,
                        codecs=ask.codecs, local=ask.local, register=not ask.no_register, modules=ask.module)
        try:
            return phone, not ask.no_register and phone.registered(3 if ask.module else 5)
        except TimeoutError:
            phone.process.kill()
            phone.close()
            if "mwi" not in ask.module or attempt + 1 == ATTEMPTS:
                raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("host", "port", "user", "password"):
        parser.add_argument(name)
    parser.add_argument("--local", default="127.0.0.1")
    parser.add_argument("--transport", default="udp")
    parser.add_argument("--codecs", default="PCMA/8000/1,PCMU/8000/1")
    parser.add_argument("--play", help="a mono 16-bit WAV at 8 kHz, said over and over")
    parser.add_argument("--accept-after", type=float, help="seconds; without it a call is accepted when told")
    parser.add_argument("--no-register", action="store_true")
    parser.add_argument("--module", action="append", default=[], help="one more of baresip's own, such as mwi")
    parser.add_argument("--out", help="folder for the recordings and the phone's log")
    ask = parser.parse_args()
    phone, registered = begun(ask)
    try:
        tell(type="READY", registered=registered)
        live(phone, ask.accept_after)
    finally:
        phone.close()


main()
