// The simulator's own routes.

/** Call `/sim` + path; throws an Error whose message can be shown as it is. */
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/sim${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The simulator does not answer. Is it still running?");
  }
  let content = null;
  try {
    content = await answer.json();
  } catch {
    // handled below: an answer without JSON is an error too
  }
  if (answer.ok && content !== null) return content;
  const error = new Error(content?.error?.message || `The simulator answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}

/** Live events; connects again by itself. `onUp` runs at every connection, so that the page can catch up. */
export function listen(onEvent, onUp, onDown) {
  let pause = 300;
  const connect = () => {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/sim/live`);
    socket.addEventListener("open", () => {
      pause = 300;
      onUp();
    });
    socket.addEventListener("message", (message) => onEvent(JSON.parse(message.data)));
    socket.addEventListener("close", () => {
      onDown();
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, 5000);
    });
  };
  connect();
}
