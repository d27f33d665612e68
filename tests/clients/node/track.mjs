// OpenFeature's track for an OFREP provider, of a server or of a page: copy this file.
//
//   const provider = tracking(new OFREPProvider({ baseUrl }), { baseUrl });
//   client.track('revenue', { targetingKey: user }, { value: 59.9 });
//   await provider.flush();   // before the process ends
//
// Events wait for up to a second, go in one request, and again under the same ids until the server has them, so each
// counts once. What the server refuses is told to `onRefused`. Beyond LIMIT waiting events new ones are refused here.
const LIMIT = 10_000;
// A page's last request may have 64 KiB.
const BATCH = 200;

/** 128 random bits. `crypto.randomUUID` is not there for pages that came over plain HTTP. */
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export function tracking(provider, { baseUrl, headers = [], everyMs = 1000, onRefused = console.warn }) {
  const waiting = [];
  let timer = null;
  let sending = Promise.resolve();

  async function send() {
    while (waiting.length > 0) {
      const events = waiting.slice(0, BATCH);
      const answer = await fetch(new URL('/ofrep/v1/track', baseUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...Object.fromEntries(headers) },
        body: JSON.stringify({ events }),
        keepalive: true,
      });
      // 408, 429 and 5xx may pass; another refusal will be the same next time.
      if (answer.status === 408 || answer.status === 429 || answer.status >= 500) throw new Error(`${answer.status}`);
      waiting.splice(0, events.length);
      const told = await answer.json();
      if (!answer.ok) onRefused(told.errorDetails, events);
      for (const { event, errorDetails } of told.refused ?? []) onRefused(errorDetails, [events[event]]);
    }
  }

  function later() {
    timer ??= setTimeout(() => provider.flush().catch(() => {}), everyMs);
  }

  /** Sends what waits; fails when the server can't be reached, and what waits goes on waiting. */
  provider.flush = () => {
    clearTimeout(timer);
    timer = null;
    sending = sending.catch(() => {}).then(send);
    sending.catch(later);
    return sending;
  };

  provider.track = (trackingEventName, context, trackingEventDetails = {}) => {
    const { targetingKey } = context;
    const { value } = trackingEventDetails;
    const event = { id: newId(), trackingEventName, context: { targetingKey }, trackingEventDetails: { value } };
    if (waiting.length >= LIMIT) return onRefused('too many events wait', [event]);
    waiting.push(event);
    later();
  };
  return provider;
}
