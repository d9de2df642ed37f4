// node custom-resources.mjs FILE: validate a JSON list of custom resources against their schemas and print violations.
import { readFileSync } from "node:fs";

const PACKAGES = {
  "argoproj.io Application": "argo-cd",
  "argoproj.io": "argo-rollouts",
  "external-secrets.io": "external-secrets",
  "gateway.networking.k8s.io": "gateway-api",
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
};
// The package has no schema for v1 yet. The fields of an ExternalSecret are the same as in v1beta1.
const KNOWN_AS = { "external-secrets.io/v1": "external-secrets.io/v1beta1" };

let faults = 0;
for (const resource of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const fault = await faultOf(resource);
  if (fault) {
    faults += 1;
    console.log(`${resource.kind} ${resource.metadata.name}: ${fault}`);
  }
}
process.exit(faults ? 1 : 0);

async function faultOf(resource) {
  const group = resource.apiVersion.split("/")[0];
  const known = KNOWN_AS[resource.apiVersion] ?? resource.apiVersion;
  const name = PACKAGES[`${group} ${resource.kind}`] ?? PACKAGES[group];
  if (!name) return `no schema is known for ${resource.apiVersion}`;
  try {
    const { [resource.kind]: Kind } = await import(`@kubernetes-models/${name}/${known}/${resource.kind}`);
    new Kind({ ...resource, apiVersion: known }).validate();
  } catch (error) {
    return error.message;
  }
}
