// A chat in a page as apps write it, with LangGraph's React hook; what a test looks at is in `window.seen`.
import { useStream } from "@langchain/langgraph-sdk/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const given = new URLSearchParams(location.search);
const seen = (window.seen = { texts: [], errors: [], finished: 0, created: [], tools: [] });

function Chat() {
  const [threadId, setThreadId] = useState(given.get("thread"));
  const stream = useStream({
    apiUrl: given.get("apiUrl"),
    apiKey: given.get("apiKey"),
    assistantId: given.get("assistant"),
    threadId,
    onThreadId(id) {
      setThreadId(id);
      given.set("thread", id);
      history.replaceState({}, "", `?${given}`);
    },
    fetchStateHistory: true,
    reconnectOnMount: true,
    onCreated: (run) => seen.created.push(run),
    onError: (error) => seen.errors.push(String(error?.message ?? error)),
    onFinish: () => (seen.finished += 1),
  });
  window.stream = stream;
  const said = stream.messages.map((message) => [message.type, message.id, textOf(message)]);
  if (JSON.stringify(seen.texts.at(-1)) !== JSON.stringify(said)) seen.texts.push(said);
  const interrupts = stream.interrupts.filter((one) => one.value);
  return (
    <main style={{ font: "16px sans-serif", maxWidth: 640, margin: "2em auto" }}>
      <h1>A chat</h1>
      {stream.messages.map((message, index) => {
        const meta = stream.getMessagesMetadata(message, index);
        const calls = message.tool_calls ?? [];
        return (
          <section key={message.id} data-id={message.id} data-type={message.type}>
            <b>{message.type}</b> <span className="text">{textOf(message)}</span>
            {calls.map((call) => <code key={call.id} data-call={call.name}>{call.name}({JSON.stringify(call.args)})</code>)}
            {meta?.branchOptions?.length > 1 && (
              <nav>
                {meta.branchOptions.map((branch, number) => (
                  <button key={branch} data-branch={number} onClick={() => stream.setBranch(branch)}>{number + 1}</button>
                ))}
              </nav>
            )}
          </section>
        );
      })}
      {stream.toolCalls.map(({ id, call, state, result }) => (
        <pre key={id} data-tool={call.name} data-state={state}>{result?.content}</pre>
      ))}
      {interrupts.map((one) => (
        <form key={one.id} data-interrupt={one.id} onSubmit={(event) => event.preventDefault()}>
          <p>{one.value.message}</p>
          {(one.value.review_configs?.[0]?.allowed_decisions ?? []).map((type) => (
            <button key={type} data-decision={type} onClick={() => stream.submit(undefined, { command: { resume: { [one.id]: { decisions: [{ type }] } } } })}>
              {type}
            </button>
          ))}
          {(one.value.details?.choices ?? []).map((choice) => (
            <button key={choice} data-choice={choice} onClick={() => stream.submit(undefined, { command: { resume: { choice } } })}>
              {choice}
            </button>
          ))}
        </form>
      ))}
      {stream.error != null && <p role="alert">{String(stream.error?.message ?? stream.error)}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const content = event.target.elements.said.value;
          const message = { type: "human", id: crypto.randomUUID(), content };
          event.target.reset();
          stream.submit(
            { messages: [message] },
            { optimisticValues: (before) => ({ ...before, messages: [...(before.messages ?? []), message] }) },
          );
        }}
      >
        <input name="said" />
        <button id="send">Send</button>
        <button id="stop" type="button" onClick={() => stream.stop()}>Stop</button>
        <i id="state">{stream.isLoading ? "busy" : "idle"}</i>
      </form>
    </main>
  );
}

function textOf(message) {
  return typeof message.content === "string" ? message.content : message.content.map((part) => part.text ?? "").join("");
}

createRoot(document.getElementById("root")).render(<Chat />);
