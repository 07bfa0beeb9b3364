"""The records of calls, and why something does not work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from .._request import Request, Who, get, given, segment, send
from ..errors import TimeoutError, invalid_argument, timed_out
from ..models import Diagnosis, Execution
from .base import Resource
from .pages import Pager
from .transport import Call

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0


class Executions(Resource):
    """Executions and diagnoses."""

    def get_execution(self, execution_id: str) -> Execution:
        """The record of a call.

        Raises:
            NotFoundError: there is none (`execution_not_found`).
        """
        return self._one(Execution, get("/executions/" + segment("execution_id", execution_id)))

    def list_executions(
        self,
        *,
        connected_account_id: Optional[str] = None,
        connection_id: Optional[str] = None,
        tool_name: Optional[str] = None,
        status: Optional[str] = None,
        page_size: Optional[int] = None,
    ) -> Pager[Execution]:
        """All records that fit every filter given, newest first.

        Args:
            status: such as `FAILED`.
            page_size: how many to get at a time.
        """
        filters = given(
            connected_account_id=connected_account_id,
            connection_id=connection_id,
            tool_name=tool_name,
            status=status,
            page_size=page_size,
        )

        def first(call: Call) -> Request:
            return get("/executions", filters)

        return Pager(self._transport, Execution, first)

    def wait_for_execution(self, execution_id: str, *, timeout: float = 300.0) -> Execution:
        """The record of a call in the background once it has ended, with its `data` or its `error`.

        Args:
            timeout: how long to wait, in seconds.

        Raises:
            TimeoutError: it still goes on; wait again with the same id.
        """
        system = self._transport.system
        request = get("/executions/" + segment("execution_id", execution_id))
        deadline = system.now() + timeout
        wait = _FIRST_WAIT
        while True:
            left = deadline - system.now()
            # The last question may still be asked when the wait is over; the others end with it.
            call = self._transport.begin(left if left > 0 else None)
            try:
                execution = self._one(Execution, request, call)
            except TimeoutError as error:
                if error.code == "client_timeout" and left < self._transport.options.timeout:
                    raise timed_out(f"The execution {execution_id}", timeout, execution_id) from error
                raise
            if execution.status != "RUNNING":
                return execution
            left = deadline - system.now()
            if left <= 0:
                raise timed_out(f"The execution {execution_id}", timeout, execution_id)
            system.sleep(min(wait, left))
            wait = min(wait * 2, _LONGEST_WAIT)

    def diagnose(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        execution_id: Optional[str] = None,
        probe: Optional[bool] = None,
        registered_redirect_uris: Optional[Sequence[str]] = None,
    ) -> Diagnosis:
        """Why an account, one call or a connection does not work: verdict, findings with evidence, and what to do.

        Args:
            connection_name: without an identifier, diagnoses the connection itself.
            execution_id: diagnoses this call; instead of naming an account.
            probe: whether to try it at the provider. Left out: the server decides.
            registered_redirect_uris: those that the provider's console shows; a difference is found then.
        """
        more = given(probe=probe, registered_redirect_uris=None if registered_redirect_uris is None else list(registered_redirect_uris))
        if execution_id:
            if connected_account_id or identifier or connection_name or account_name:
                raise invalid_argument("Two things are named: an execution and an account.", "Give execution_id alone.")
            return self._one(Diagnosis, send("POST", "/diagnoses", {"execution_id": execution_id, **more}, repeatable=True))
        if connection_name and not (identifier or account_name or connected_account_id):
            fields = {"connection_name": connection_name, **more}
            return self._one(Diagnosis, send("POST", "/diagnoses", fields, repeatable=True))
        who = Who(connected_account_id, identifier, connection_name, account_name).checked(", or execution_id")
        if who.connected_account_id is None:
            return self._one(Diagnosis, send("POST", "/diagnoses", {**who.key, **more}, repeatable=True))
        if registered_redirect_uris is not None:
            fields = {"account_id": who.connected_account_id, **more}
            return self._one(Diagnosis, send("POST", "/diagnoses", fields, repeatable=True))
        call = self._transport.begin()
        return self._one(Diagnosis, get(self._path(call, who) + "/diagnosis", given(probe=probe)), call)
