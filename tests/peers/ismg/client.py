"""An SP on the PyPI package "pycmpp" (CMPP 2.0): one JSON line on standard output for every answer it understood. Arguments: port, secret, texts."""
import json
import sys

from pycmpp.cmpp import Cmpp
from pycmpp.utils import Unpack

port, secret, *texts = sys.argv[1:]
client = Cmpp(host="127.0.0.1", port=int(port), sp_id="901234", sp_secret=secret, src_id="10086", delivery=0, client_heartbeat=False)


def frame():
    """One whole answer, as the package's own receive loop cuts it."""
    header = client.so.recv(12, 0x100)
    length, command, sequence = (Unpack.get_unsigned_long_data(header[at:at + 4])[0] for at in (0, 4, 8))
    return command, sequence, header + client.so.recv(length - 12, 0x100)


def tell(**event):
    print(json.dumps(event), flush=True)


client.connect()
client.auth()
command, sequence, message = frame()
tell(event="connected", command=hex(command), status=message[12])
if message[12] != 0:
    sys.exit()
for text in texts:
    client.submit(text, ["19900000001"])
    for _ in range(1 if len(text) < 70 else (len(text) + 63) // 64):
        command, sequence, message = frame()
        client.handlers[command](client, message)()
        tell(event="submitted", command=hex(command), id=message[12:20].hex().upper(), result=message[20])
client.terminate()
command, sequence, message = frame()
tell(event="terminated", command=hex(command))
