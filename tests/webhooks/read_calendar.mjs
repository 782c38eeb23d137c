// The library that Thunderbird reads calendars with: takes one calendar a line, as a JSON string, and says what is in it.
//
//   node read_calendar.mjs NODE_MODULES

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { default: ICAL } = await import(pathToFileURL(`${process.argv[2]}/ical.js/dist/ical.js`));

for await (const line of createInterface({ input: process.stdin })) {
  const calendar = new ICAL.Component(ICAL.parse(JSON.parse(line)));
  const entry = calendar.getFirstSubcomponent("vevent");
  const event = new ICAL.Event(entry);
  const shown = {
    entries: calendar.getAllSubcomponents().length,
    method: calendar.getFirstPropertyValue("method"),
    uid: event.uid,
    sequence: event.sequence,
    status: entry.getFirstPropertyValue("status"),
    startsAt: event.startDate.toJSDate().toISOString(),
    endsAt: event.endDate.toJSDate().toISOString(),
    title: event.summary,
    place: event.location,
    note: event.description,
  };
  console.log(JSON.stringify(shown));
}
