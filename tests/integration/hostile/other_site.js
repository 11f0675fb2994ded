// What a page of another site can do by itself, with whatever cookies the browser adds: forms, fetches, beacons.
// `attack` fires when all has been tried and answered.
const FORM = "application/x-www-form-urlencoded";

// Posts a form as a person's click would, into a frame; fires when that has an answer to show.
function post(url, type, fields) {
    const frame = document.createElement("iframe");
    frame.name = `sink${Math.random()}`;
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action: url, method: "POST", enctype: type, target: frame.name });
    for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(form);
    return new Promise((resolve) => {
        frame.onload = () => frame.onload = resolve; // the first is that of the empty frame
        setTimeout(resolve, 1000); // what is refused to be shown in a frame may not load
        form.submit();
    });
}

async function attack(chat, ticket) {
    const forms = [
        ["/chat/post", FORM, { message: "forged" }],
        ["/chat/post", "multipart/form-data", { message: "forged" }],
        ["/rooms/lobby/messages", FORM, { text: "forged" }],
        ["/rooms/lobby/messages", "text/plain", { '{"text":"forged","data":"': '"}' }],
        [`/rooms/lobby/messages?ticket=${ticket}`, FORM, { text: "forged" }],
        [`/rooms/keep/messages?ticket=${ticket}`, "multipart/form-data", { text: "forged" }],
        ["/session", FORM, { name: "mallory" }],
        ["/session", FORM, { name: "grace", password: "under no attack" }],
        ["/rooms/lobby/typing", FORM, {}],
    ];
    await Promise.all(forms.map(([path, type, fields]) => post(chat + path, type, fields)));
    const tried = forms.map(([path]) => `POST ${path}`);
    const simple = { method: "POST", mode: "no-cors", credentials: "include" };
    for (const [path, , fields] of forms) {
        await fetch(chat + path, { ...simple, body: new URLSearchParams(fields) });
        await fetch(chat + path, { ...simple, body: JSON.stringify(fields) });
        tried.push(`POST ${path}`, `POST ${path}`);
    }
    const asked = [ // a browser asks first whether it may
        ["DELETE", "/session"],
        ["DELETE", "/rooms/lobby/messages/0"],
        ["PUT", "/rooms/lobby/bans/ada"],
        ["POST", "/rooms/lobby/messages", { "Content-Type": "application/json" }, '{"text":"forged"}'],
        ["POST", "/rooms/keep/messages", { Authorization: `Bearer ${ticket}` }, "text=forged"],
    ];
    for (const [method, path, headers, body] of asked) {
        await fetch(chat + path, { method, headers, body, credentials: "include" }).then(
            () => tried.push(`shown: ${method} ${path}`),
            () => {},
        );
    }
    navigator.sendBeacon(`${chat}/chat/post`, new URLSearchParams({ message: "forged" }));
    for (const path of ["/rooms/lobby/socket", `/rooms/keep/socket?ticket=${ticket}`]) {
        await new Promise((resolve) => {
            const socket = new WebSocket(chat.replace("http", "ws") + path);
            socket.onopen = () => resolve(tried.push(`open: ${path}`));
            socket.onerror = resolve;
        });
    }
    return tried;
}
