// Streams whose silences are broken, as LangGraph's JavaScript client reads them; prints one line of JSON.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const seen = {};
const input = { messages: [{ type: "human", id: crypto.randomUUID(), content: "One?" }] };

const parts = [];
for await (const part of client.runs.stream(null, "ui-slow", { input, streamMode: ["values", "messages-tuple"] })) parts.push(part);
seen.events = [...new Set(parts.map((part) => part.event))].sort();
const said = parts.filter((part) => part.event === "messages").map((part) => part.data[0].content).join("");
const values = await client.runs.wait(null, "ui-slow", { input });
seen.same = values.messages.at(-1).content === said;

const thread = client.threads.stream({ assistantId: "ui-slow" });
const messages = thread.messages;
await thread.run.start({ input });
let pieces = "";
for await (const message of messages) for await (const piece of message.text) pieces += piece;
seen.protocol = pieces === said;
await thread.close();
console.log(JSON.stringify(seen));
process.exit(0);
