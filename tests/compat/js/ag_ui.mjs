// Drives AG-UI's own client against a server: `ag_ui.mjs SCENARIO URL KEY` prints what became of it.
import { readFileSync } from "node:fs";

import { HttpAgent, buildResumeArray, verifyEvents } from "@ag-ui/client";
import { EventSchema } from "@ag-ui/core/schemas";
import { from, lastValueFrom, toArray } from "rxjs";

const [scenario, url, key] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const tools = [
  {
    name: "locate",
    description: "Where a city is.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];

function agent(name, options = {}) {
  const made = new HttpAgent({ url: `${url}/ag-ui/${name}`, headers, ...options });
  const runs = [];
  made.subscribe({
    onRunInitialized: () => void runs.push({ events: [], outcome: null, failed: null }),
    onEvent: ({ event }) => void runs.at(-1).events.push(event),
    onRunFinishedEvent: ({ outcome, interrupts, pendingToolCallIds, result }) => {
      runs.at(-1).outcome = { outcome, interrupts, pendingToolCallIds, result };
    },
    onRunFailed: ({ error }) => {
      runs.at(-1).failed = { message: error.message, status: error.status, payload: error.payload };
    },
  });
  return Object.assign(made, { runs });
}

let counted = 0;
const user = (content) => ({ id: `user-${process.pid}-${(counted += 1)}`, role: "user", content });
const said = (made) => ({ runs: made.runs, messages: made.messages, state: made.state });
const attempt = (made, parameters) => made.runAgent(parameters).catch(() => undefined);

const scenarios = {
  async talk() {
    const made = agent("echo");
    for (const words of ["What is a knot?", "And a bend?"]) {
      made.addMessage(user(words));
      await made.runAgent();
    }
    const other = agent("echo", { threadId: made.threadId });
    await other.runAgent();
    return { ...said(made), seen: said(other) };
  },

  async tools() {
    const made = agent("ui-desk");
    made.addMessage(user("Refund order A-1."));
    await made.runAgent({ tools });
    const [call] = made.runs.at(-1).outcome.pendingToolCallIds;
    made.addMessage({ id: "located", role: "tool", toolCallId: call, content: '{"lat": 38.7}' });
    await made.runAgent({ tools });
    const { interrupts } = made.runs.at(-1).outcome;
    const answer =
      process.argv[5] === "cancel"
        ? { status: "cancelled" }
        : { status: "resolved", payload: { approved: true } };
    await made.runAgent({ tools, resume: buildResumeArray(interrupts, { [interrupts[0].id]: answer }) });
    return said(made);
  },

  async state() {
    const made = agent("ui-form");
    made.addMessage(user("Invite me."));
    await made.runAgent();
    const answered = (payload) =>
      buildResumeArray(made.pendingInterrupts, { [made.pendingInterrupts[0].id]: { status: "resolved", payload } });
    await made.runAgent({ resume: answered({ date: "Monday" }) });
    made.setState({ ...made.state, asked: 41 });
    made.addMessage(user("Invite me again."));
    await made.runAgent();
    await made.runAgent({ resume: answered({ date: "Friday" }) });
    made.addMessage(user("And again."));
    await made.runAgent();
    const [{ id }] = made.pendingInterrupts;
    await made.runAgent({ resume: [{ interruptId: id, status: "cancelled" }] });
    return said(made);
  },

  async errors() {
    const failing = agent("ui-broken");
    failing.addMessage(user("no number"));
    await attempt(failing);
    const results = { failing: said(failing) };
    for (const [name, path, parameters, content] of [
      ["mute", "ui-mute", {}, "Hello"],
      ["missing", "no-such-agent", {}, "Hello"],
      ["tools", "ui-slow", { tools }, "Hello"],
      ["context", "ui-slow", { context: [{ description: "Where", value: "here" }] }, "Hello"],
      ["forwarded", "echo", { forwardedProps: { temperature: 1 } }, "Hello"],
      ["audio", "echo", {}, [{ type: "audio", source: { type: "url", value: "https://example.com/a.mp3" } }]],
    ]) {
      const made = agent(path);
      made.addMessage(user(content));
      await attempt(made, parameters);
      results[name] = made.runs.at(-1);
    }
    return results;
  },

  async cancel() {
    const made = agent("ui-slow");
    made.addMessage(user("Speak."));
    const stop = () =>
      fetch(`${url}/ag-ui/ui-slow/threads/${made.threadId}/stop`, { method: "POST", headers });
    let stopped;
    await made.runAgent({}, { onTextMessageContentEvent: () => void (stopped ??= stop()) });
    const left = agent("ui-slow");
    left.addMessage(user("Speak."));
    await left.runAgent({}, { onTextMessageContentEvent: () => left.abortRun() });
    return { status: (await stopped).status, ...said(made), left: said(left) };
  },

  // What the client's own checks say against the events of many runs.
  async events() {
    const streams = JSON.parse(readFileSync(url, "utf8"));
    const outcomes = [];
    for (const events of streams) {
      try {
        events.forEach((event) => EventSchema.parse(event));
        await lastValueFrom(from(events).pipe(verifyEvents(false), toArray()));
        outcomes.push(null);
      } catch (error) {
        outcomes.push(String(error.message));
      }
    }
    return outcomes;
  },
};

// What some take for the end of a line goes out escaped.
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
console.log(JSON.stringify(await scenarios[scenario]()).replace(/[\u007f-\uffff]/g, escaped));
