/**
 * One call from the bank's app to voicebot (docs/web_calls.md), without a framework. To be copied.
 *
 *     const call = new VoicebotCall(async (fingerprint) => ({voicebot, ticket, ice_servers}));   // asked of your back end
 *     call.addEventListener("state", ({detail}) => …);      // connecting, bot, waiting, agent, ended
 *     call.addEventListener("bot", ({detail}) => …);        // {text, lang}: what the bot says
 *     call.addEventListener("options", ({detail}) => …);    // {choices: [{key, label, name}], digits}: buttons of this moment
 *     call.addEventListener("lost", () => …);               // the network or the service is gone; "ended" follows
 *     await call.start({microphone: true});                 // at the tap; throws CallFailed
 *     call.press("1");  call.mute(true);  call.hold(true);  call.hangUp();
 *
 * The microphone is asked for before the ticket, which would grow old meanwhile. Whoever refuses it may call with
 * {microphone: false}: silence is sent, and all goes by buttons.
 */

const LOST_AFTER_MS = 6000; // the network may come back before
const AGAIN_MS = [500, 1500, 4000]; // the call's WebSocket is opened again

/** Why there is no call. `code`: microphone, no_microphone, lost, or voicebot's (ticket.expired, too_many, busy…). */
export class CallFailed extends Error {
  constructor(code, detail) { super(detail || code); this.code = code; }
}

export class VoicebotCall extends EventTarget {
  #ticket; #peer; #sound; #silence; #audio; #call; #socket; #timer; #tries = 0; #over = false;
  #leave = () => this.#call && navigator.sendBeacon(`${this.#call.url}/end`, this.#call.token);

  /** `ticket` is given the certificate's SHA-256 (null where the browser does not tell it); what it throws, `start` throws. */
  constructor(ticket) { super(); this.#ticket = ticket; }

  /** Call. Once it returns, sound flows both ways. After `hangUp` it returns quietly. */
  async start({microphone = true} = {}) {
    try {
      this.#tell("state", "connecting");
      this.#sound = microphone ? await this.#microphone() : this.#nothing();
      if (this.#over) return this.#close();
      const certificate = await RTCPeerConnection.generateCertificate({name: "ECDSA", namedCurve: "P-256"});
      const print = certificate.getFingerprints?.().find((each) => each.algorithm === "sha-256");
      const {voicebot, ticket, ice_servers: iceServers = []} = await this.#ticket(print ? print.value.toUpperCase() : null);
      if (this.#over) return this.#close();
      await this.#connect(`${voicebot}/api/click2call/calls`, ticket, new RTCPeerConnection({iceServers, certificates: [certificate]}));
    } catch (error) {
      if (this.#over) return this.#close();
      this.#end();
      throw error;
    }
  }

  /** One of 0-9, * and #: as a button, or on the keypad. */
  press(key) { this.#send({type: "key", key}); }

  /** The bot and the agent hear nothing meanwhile; the line stays open. */
  mute(muted) { this.#sound?.getTracks().forEach((track) => { track.enabled = !muted; }); }

  /** Another call came in on the telephone. */
  hold(held) { this.#send({type: "hold", held}); }

  /** End the call; harmless when it is over. */
  hangUp() {
    if (this.#call) fetch(this.#call.url, {method: "DELETE", keepalive: true, headers: {Authorization: `Bearer ${this.#call.token}`}}).catch(this.#leave);
    this.#end();
  }

  async #microphone() {
    try {
      return await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: true, noiseSuppression: true, autoGainControl: true}});
    } catch (error) {
      throw new CallFailed(error?.name === "NotFoundError" ? "no_microphone" : "microphone");
    }
  }

  #nothing() { // without a source no packets would flow, and the call would end
    const context = this.#silence = new AudioContext(), out = context.createMediaStreamDestination();
    const source = new ConstantSourceNode(context, {offset: 0});
    source.connect(out);
    source.start();
    return out.stream;
  }

  async #connect(url, ticket, peer) {
    this.#peer = peer;
    this.#sound.getAudioTracks().forEach((track) => peer.addTrack(track, this.#sound));
    peer.ontrack = ({track}) => {
      this.#audio = Object.assign(new Audio(), {srcObject: new MediaStream([track])});
      this.#audio.play().catch(() => this.#tell("blocked"));
    };
    peer.onconnectionstatechange = () => this.#watch(peer.connectionState);
    await peer.setLocalDescription();
    await new Promise((done) => { // there is no trickle: all candidates go with the offer
      (peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done())();
    });
    const answer = await fetch(url, {method: "POST", headers: {"Content-Type": "application/json"},
      body: JSON.stringify({ticket, sdp: peer.localDescription.sdp})}).catch(() => { throw new CallFailed("lost"); });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new CallFailed(body.code ?? "refused", body.detail);
    this.#call = {url: `${url}/${body.call}`, token: body.token};
    if (this.#over) return this.hangUp();
    addEventListener("pagehide", this.#leave); // peer.close() alone would not be seen by the service
    await peer.setRemoteDescription({type: "answer", sdp: body.sdp});
    this.#follow();
  }

  #watch(state) {
    clearTimeout(this.#timer);
    if (["failed", "disconnected"].includes(state)) this.#timer = setTimeout(() => this.#lose(), state === "failed" ? 0 : LOST_AFTER_MS);
  }

  #follow() {
    const socket = this.#socket = new WebSocket(`${this.#call.url.replace(/^http/, "ws")}/ws`);
    socket.onopen = () => this.#send({type: "open", token: this.#call.token});
    socket.onmessage = ({data}) => {
      const event = JSON.parse(data);
      this.#tries = 0;
      if (event.type === "ended") this.#end();
      else this.#tell(event.type, event.type === "state" ? event.state : event);
    };
    socket.onclose = ({code}) => { // the sound may go on without it
      if (this.#over) return;
      if (code === 4404 || this.#tries >= AGAIN_MS.length) return this.#lose();
      setTimeout(() => this.#over || this.#follow(), AGAIN_MS[this.#tries++]);
    };
  }

  #send(message) { if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message)); }

  #lose() {
    if (this.#over) return;
    this.#tell("lost");
    this.hangUp();
  }

  #end() {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.#tell("state", "ended");
  }

  #close() {
    clearTimeout(this.#timer);
    removeEventListener("pagehide", this.#leave);
    this.#socket?.close();
    this.#peer?.close();
    this.#sound?.getTracks().forEach((track) => track.stop());
    this.#silence?.close().catch(() => {});
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, {detail})); }
}
