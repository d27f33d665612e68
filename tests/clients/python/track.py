"""OpenFeature's track for the OFREP provider: copy this file.

    provider = TrackingProvider(base_url="http://127.0.0.1:3002")
    client.track("revenue", EvaluationContext(targeting_key=user), TrackingEventDetails(value=59.9))
    provider.shutdown()   # before the process ends: sends what waits

Events wait for up to a second, go in one request, and again under the same ids until the server has them, so each
counts once. What the server refuses is logged. Beyond LIMIT waiting events new ones are refused here.
"""

import logging
import threading
import uuid

import requests
from openfeature.contrib.provider.ofrep import OFREPProvider

LIMIT = 10_000
BATCH = 500
EVERY_SECONDS = 1.0
log = logging.getLogger(__name__)


class TrackingProvider(OFREPProvider):
    def __init__(self, base_url, headers_factory=None, **options):
        super().__init__(base_url=base_url, headers_factory=headers_factory, **options)
        self._url = base_url.rstrip("/") + "/ofrep/v1/track"
        self._own_headers = headers_factory or dict
        self._waiting, self._lock = [], threading.Lock()
        self._sending = threading.Lock()
        self._wake, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="fw-track", daemon=True)
        self._thread.start()

    def track(self, tracking_event_name, evaluation_context=None, tracking_event_details=None):
        details = {}
        if tracking_event_details is not None and tracking_event_details.value is not None:
            details["value"] = tracking_event_details.value
        event = {
            "id": str(uuid.uuid4()),
            "trackingEventName": tracking_event_name,
            "context": {"targetingKey": evaluation_context.targeting_key if evaluation_context else None},
            "trackingEventDetails": details,
        }
        with self._lock:
            if len(self._waiting) < LIMIT:
                self._waiting.append(event)
                return
        log.warning("too many events wait: %s is refused", tracking_event_name)

    def flush(self):
        """Sends what waits; raises when the server can't be reached, and what waits goes on waiting."""
        with self._sending:
            while True:
                with self._lock:
                    events = self._waiting[:BATCH]
                if not events:
                    return
                answer = requests.post(self._url, json={"events": events}, headers=self._own_headers(), timeout=10)
                # 408, 429 and 5xx may pass; another refusal will be the same next time.
                if answer.status_code in (408, 429) or answer.status_code >= 500:
                    answer.raise_for_status()
                with self._lock:
                    del self._waiting[: len(events)]
                told = answer.json()
                if not answer.ok:
                    log.warning("%d events are refused: %s", len(events), told.get("errorDetails"))
                for refused in told.get("refused", []):
                    log.warning("%s is refused: %s", events[refused["event"]], refused["errorDetails"])

    def shutdown(self):
        self._ended = True
        self._wake.set()
        self._thread.join()
        self.flush()
        super().shutdown()

    def _run(self):
        while not self._ended:
            self._wake.wait(EVERY_SECONDS)
            try:
                self.flush()
            except (requests.RequestException, ValueError) as error:
                log.info("events go on waiting: %s", error)
