"""`url = "http://127.0.0.1:8000/predict"` in a model card: a server on this machine that answers JSON.

A request is a POST whose body is the clips; `X-Clips-Shape`, `X-Clips-Dtype` and `X-Clips-Encoding` say what it is.
Neither proxies nor redirects are followed: clips stay on this machine.
"""

import http.client
import time
from urllib.parse import SplitResult

from lsap_cli.classifiers.formats import ServiceFormat
from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.service import LARGEST_ANSWER, NoAnswer, Request, load_service
from lsap_cli.classifiers.places import local_url
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable

PIECE = 2**16
SHOWN = 200
RETRIED = (429, 500, 502, 503, 504)  # statuses of a server that may answer later


class UrlChannel:
    """A server of this machine.

    Args:
        url: checked by `local_url`.
        service: times that it has.
    """

    def __init__(self, url: SplitResult, service: ServiceFormat) -> None:
        self.where = printable(url.geturl())
        self._service = service
        self._host, self._port = url.hostname or "", url.port or 80
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")

    def ask(self, request: Request) -> bytes:
        headers = {
            "Content-Type": "application/octet-stream",
            "Accept": "application/json",
            "X-Clips-Shape": ",".join(map(str, request.shape)),
            "X-Clips-Dtype": request.dtype,
            "X-Clips-Encoding": request.encoding,
        }
        end = time.monotonic() + self._service.timeout_seconds
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._service.timeout_seconds)
        try:
            connection.request("POST", self._target, request.body, headers)
            response = connection.getresponse()
            body = self._body(connection, response, end)
        except TimeoutError:
            raise NoAnswer(f"none within {self._service.timeout_seconds:g} s") from None
        except http.client.IncompleteRead as error:
            raise NoAnswer(f"the answer ended after {len(error.partial)} bytes, {error.expected} too early") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None)  # without the number that only a programmer knows
            raise NoAnswer(reason or str(error) or type(error).__name__) from None
        finally:
            connection.close()
        if response.status == 200:
            return body
        words = printable(body[: 2 * SHOWN].decode("utf-8", "replace").strip())[:SHOWN]
        status = f"status {response.status} {printable(response.reason)}" + (f": {words}" if words else "")
        if response.status in RETRIED:
            raise NoAnswer(status)
        if 300 <= response.status < 400:
            status += " (redirects are not followed: name the address itself)"
        raise LsapError(f"{self.where} gave {status}", 1)

    def close(self) -> None:
        """Nothing is kept open between requests."""

    def _body(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, end: float) -> bytes:
        """The whole answer, within the time: each single read would have all of it."""
        body = bytearray()
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            piece = response.read1(PIECE)
            if not piece and response.length:
                raise http.client.IncompleteRead(bytes(body), response.length)
            if not piece:
                return bytes(body)
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise LsapError(f"{self.where} gave an answer of more than {LARGEST_ANSWER // 2**20} MB", 1)


def load_url(request: NetworkRequest) -> LoadedNetwork:
    """The network behind a URL; nothing is sent yet.

    Raises:
        LsapError: if the URL is not of this machine, or the card leaves out what a server cannot say.
    """
    url = local_url(request.place, request.where)
    channel = UrlChannel(url, request.service or ServiceFormat())
    return load_service(request, channel, {"url": request.place})
