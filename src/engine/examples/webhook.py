"""A server for the webhook engine. It needs Python 3.8 or newer and no package:
PARLEY_SECRET=whsec_... PORT=8000 python3 webhook.py"""
import base64
import hashlib
import hmac
import json
import os
import threading
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["PARLEY_SECRET"][len("whsec_"):])


def signature(msg_id, sent, body):
    mac = hmac.new(KEY, f"{msg_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return b"v1," + base64.b64encode(mac)


def signed(headers, body):
    msg_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > 300:
        return False
    wanted = signature(msg_id, sent, body)
    given = headers.get("webhook-signature", "").encode("utf-8", "replace").split(b" ")
    return any(hmac.compare_digest(wanted, s) for s in given)


def later(conversation, messages):
    """Messages after an answer go to the address on the engine's page. Parley takes each id once, so a failed request
    can be repeated."""
    body = json.dumps({"conversation": conversation, "messages": messages}).encode()
    msg_id, sent = str(uuid.uuid4()), str(int(time.time()))
    headers = {"content-type": "application/json", "webhook-id": msg_id, "webhook-timestamp": sent,
               "webhook-signature": signature(msg_id, sent, body).decode()}
    urllib.request.urlopen(urllib.request.Request(os.environ["PARLEY_LATER"], body, headers)).read()


def answer(question):
    said = question["message"]["text"]
    if said == "person":
        return {"messages": [{"text": "One moment, please."}], "handoff": "The visitor asked for a person."}
    if said == "remind me":
        threading.Timer(1, later, (question["conversation"], [{"text": "This is your reminder."}])).start()
        return {"messages": [{"text": "I will."}]}
    return {
        "messages": [{"text": f'You said "{said}".'},
                     {"text": "What next?", "choices": [{"label": "Talk to a person", "value": "person"}]}],
        "variables": {"count": int(question["variables"].get("count", 0)) + 1},
    }


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not signed(self.headers, body):
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        question = json.loads(body)
        reply = json.dumps(answer(question) if question["type"] == "turn" else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler)
print(f"listening on {server.server_port}", flush=True)
server.serve_forever()
