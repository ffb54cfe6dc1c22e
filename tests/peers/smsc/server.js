// A message centre on the npm package "smpp": one JSON line on standard output for every event, delivery receipts for whoever asks.
"use strict";

const smpp = require("smpp");

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
let next = 0;

const server = smpp.createServer((session) => {
  session.on("error", () => session.close());
  session.on("bind_transceiver", (pdu) => {
    const known = pdu.system_id === "chuangsha" && pdu.password === "secret";
    session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RBINDFAIL, system_id: "PEER" }));
    if (known) say({ event: "bound" });
  });
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("enquire_link", (pdu) => {
    session.send(pdu.response());
    say({ event: "enquire_link" });
  });
  session.on("submit_sm", (pdu) => {
    const id = "peer-" + ++next;
    const body = pdu.message_payload || pdu.short_message;
    say({
      event: "submit",
      id,
      from: pdu.source_addr,
      to: pdu.destination_addr,
      coding: pdu.data_coding,
      udh: body.udh ? body.udh.map((header) => header.toString("hex")).join("") : "",
      text: String(body.message),
    });
    const receipt = () =>
      session.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611220930 done date:2611220931 stat:DELIVRD err:000 text:`,
      });
    // Every second receipt overtakes the answer.
    if (pdu.registered_delivery && next % 2 === 0) receipt();
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery && next % 2 === 1) receipt();
  });
});

server.listen(0, "127.0.0.1", function () {
  say({ event: "listening", port: this.address().port });
});

// The test that started this process holds its standard input; when the test is gone, so is this.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
