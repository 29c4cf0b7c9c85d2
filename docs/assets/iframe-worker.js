// Workers for pages that are read from a folder: a browser refuses a script of file: as a worker, so a hidden
// frame runs it in its place. It knows what the site's search needs: postMessage both ways, and importScripts.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.waiting = [];
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      const page = inside.document;
      inside.importScripts = (...scripts) => scripts.reduce(
        (before, script) => before.then(() => this.loaded(page, script)), Promise.resolve());
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.loaded(page, address).then(() => {
        this.inside = inside;
        this.waiting.forEach((data) => this.postMessage(data));
      });
    }
    loaded(page, address) {
      return new Promise((resolve, reject) => {
        const script = page.createElement("script");
        script.src = address;
        script.onload = resolve;
        script.onerror = reject;
        page.body.append(script);
      });
    }
    dispatchEvent(event) {
      if (this.onmessage) this.onmessage(event);
      return super.dispatchEvent(event);
    }
    postMessage(data) {
      if (!this.inside) this.waiting.push(data);
      else this.inside.dispatchEvent(new MessageEvent("message", { data }));
    }
    terminate() { this.frame.remove(); }
  };
}
