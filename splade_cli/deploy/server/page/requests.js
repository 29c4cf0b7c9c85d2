// Requests to the server, with the token that it may ask for.

const find = (id) => document.getElementById(id);

export class Told extends Error {
  constructor(message, hint) { super(message); this.hint = hint; }
}

export async function ask(path, body, signal) {
  const headers = {};
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const request = { headers, signal };
  if (body !== undefined) {
    request.method = "POST";
    request.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Told("the server does not answer", "is it still running?");
  }
  if (response.status === 401) {
    sessionStorage.removeItem("token");
    await login();
    return ask(path, body, signal);
  }
  const content = await response.json().catch(() => ({ error: `status ${response.status}`, hint: "" }));
  if (!response.ok) throw new Told(content.error, content.hint);
  return content;
}

let asking = null;
function login() {
  asking ??= new Promise((done, failed) => {
    const dialog = find("login");
    dialog.addEventListener("close", () => {
      const token = find("token").value.trim();
      find("token").value = "";
      asking = null;
      if (!token) {
        failed(new Told("no token, no answer", "reload the page to type it"));
        return;
      }
      sessionStorage.setItem("token", token);
      done();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}
