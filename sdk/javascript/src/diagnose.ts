import { invalidArgument, named } from "./arguments.js";
import type { Http } from "./http.js";
import { accountPath } from "./lookup.js";
import type { Diagnosis } from "./models.js";
import type { CallOptions } from "./options.js";
import type { DiagnosisRequest } from "./requests.js";

/** What is wrong with an account, an execution or a connection; lists that the server leaves out are there, empty. */
export async function diagnose(http: Http, request: DiagnosisRequest, options: CallOptions): Promise<Diagnosis> {
  const { executionId, probe, registeredRedirectUris, ...ref } = request;
  const accountNamed = Object.values(ref).some((value) => value !== undefined);
  if ((executionId === undefined) !== accountNamed) {
    throw invalidArgument(
      accountNamed ? "Both an account and an execution are named." : "Neither an account nor an execution is named.",
      "Give executionId, or connectedAccountId, or identifier and connectionName together.",
    );
  }
  const { connectionName, ...further } = ref;
  const connectionAlone = connectionName && Object.values(further).every((value) => value === undefined);
  const account = executionId !== undefined || connectionAlone ? undefined : named(ref);
  const call =
    account && "id" in account && registeredRedirectUris === undefined
      ? { method: "GET", path: `${accountPath(account.id)}/diagnosis`, query: { probe } }
      : {
          method: "POST",
          path: "/v1/connect/diagnoses",
          json: {
            ...(account && "id" in account ? { accountId: account.id } : account),
            ...(connectionAlone ? { connectionName } : {}),
            executionId,
            probe,
            registeredRedirectUris,
          },
        };
  const diagnosis = (await http.json({ ...call, repeatable: true }, options)) as Diagnosis;
  const findings = (diagnosis.findings ?? []).map((one) => ({
    ...one,
    evidence: one.evidence ?? [],
    remedies: one.remedies ?? [],
  }));
  return { ...diagnosis, findings, steps: diagnosis.steps ?? [] };
}
