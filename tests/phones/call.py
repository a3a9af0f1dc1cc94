#!/usr/bin/env python3
"""A real caller (baresip): dials EXTENSION, walks an IVR with RFC 4733 digits, records what it hears, hangs up.

One JSON object is printed. Exit status 0: the call was answered and walked to its end; 1: not.
Steps, comma-separated: wait=SECONDS  dtmf=DIGITS  hold  resume  transfer=NUMBER (REFER)
expect_bye=SECONDS (the other side hangs up)
"""
import argparse
import json
import sys

from baresip import Baresip


def walk(phone, steps, exchange):
    """Returns who ended the call: "caller" or "exchange"."""
    for step in filter(None, steps.split(",")):
        verb, _, value = step.partition("=")
        if verb == "wait":
            phone.listen(float(value))
        elif verb == "dtmf":
            for digit in value:
                phone.command("sndcode", digit)
                phone.listen(0.25)
        elif verb == "transfer":
            phone.command("transfer", f"sip:{value}@{exchange}")
        elif verb in ("hold", "resume"):
            phone.command(verb)
        elif verb == "expect_bye":
            phone.listen(float(value))
        else:
            raise SystemExit(f"no such step: {step}")
        if phone.hung_up():
            return "exchange"
    phone.command("hangup")
    return "caller"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("host", "port", "user", "password", "extension"):
        parser.add_argument(name)
    parser.add_argument("--steps", default="wait=5")
    parser.add_argument("--local", default="127.0.0.1")
    parser.add_argument("--transport", default="udp")
    parser.add_argument("--codecs", default="PCMA/8000/1,PCMU/8000/1")
    parser.add_argument("--no-register", action="store_true")
    parser.add_argument("--ring", type=float, default=10, help="seconds to wait for an answer")
    parser.add_argument("--out", help="folder for the recording and the phone's log")
    ask = parser.parse_args()
    phone = Baresip(ask.user, ask.host, ask.port, ask.password, folder=ask.out, transport=ask.transport, codecs=ask.codecs,
                    local=ask.local, register=not ask.no_register)
    said, walked = {"dir": phone.dir}, False
    try:
        if not ask.no_register:
            said["registered"] = phone.registered()
        phone.command("dial", ask.extension)
        event = phone.wait(["CALL_ESTABLISHED", "CALL_CLOSED"], ask.ring)
        said["answered"] = walked = bool(event) and event["type"] == "CALL_ESTABLISHED"
        if walked:
            said["ended_by"] = walk(phone, ask.steps, f"{ask.host}:{ask.port}")
            closed = phone.wait(["CALL_CLOSED"], 5)
            said["closed"] = closed and closed.get("param")
        else:
            said["refused"] = event.get("param") if event else "no answer"
        said["recordings"] = phone.recordings()
    finally:
        phone.close()
    print(json.dumps(said))
    sys.exit(0 if walked else 1)


main()
