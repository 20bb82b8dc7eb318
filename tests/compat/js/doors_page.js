// A page of another origin that speaks to every chat door with that door's own client; a test calls what is in `window`.
import { HttpAgent } from "@ag-ui/client";
import { AbstractChat, DefaultChatTransport } from "ai";
import OpenAI, { APIError } from "openai";

const given = new URLSearchParams(location.search);
const [url, key] = [given.get("url"), given.get("key")];
const headers = { Authorization: `Bearer ${key}` };
const question = { role: "user", content: "What is a knot?" };

class Chat extends AbstractChat {
  constructor(options) {
    const state = { messages: [], status: "ready", error: undefined, snapshot: (one) => structuredClone(one) };
    state.pushMessage = (one) => void state.messages.push(one);
    state.popMessage = () => void state.messages.pop();
    state.replaceMessage = (at, one) => void (state.messages[at] = one);
    super({ ...options, state });
  }
}

window.openai = async (model) => {
  const client = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: key, maxRetries: 0, dangerouslyAllowBrowser: true });
  try {
    const { data: stream, response } = await client.chat.completions
      .create({ model, messages: [question], stream: true })
      .withResponse();
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    const again = await client.responses.create({ model, input: question.content });
    return { text, again: again.output_text, run: response.headers.get("x-girih-run") };
  } catch (error) {
    const known = error instanceof APIError;
    return { status: known ? error.status : undefined, code: known ? error.code : undefined, message: String(error) };
  }
};

window.aiSdk = async (agent) => {
  const failures = [];
  const chat = new Chat({
    transport: new DefaultChatTransport({ api: `${url}/ai-sdk/${agent}/chat`, headers }),
    onError: (error) => failures.push(error.message),
  });
  await chat.sendMessage({ text: question.content });
  const parts = chat.messages.find((message) => message.role === "assistant")?.parts ?? [];
  return { text: parts.filter((part) => part.type === "text").map((part) => part.text).join(""), failures };
};

window.agUi = async (agent) => {
  const made = new HttpAgent({ url: `${url}/ag-ui/${agent}`, headers });
  made.addMessage({ id: crypto.randomUUID(), ...question });
  try {
    await made.runAgent();
    return { text: made.messages.at(-1).content };
  } catch (error) {
    return { message: String(error?.message ?? error) };
  }
};

window.ready = true;
