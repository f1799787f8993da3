# Orbit as a bare workerd, with no account anywhere: the embedded default.
# Run by script/ and by the tests; wrangler.jsonc is its twin for Cloudflare.
#
#   ORBIT_SECRET=… ORBIT_ORIGIN=http://localhost:8787 workerd serve orbit/workerd.capnp config \
#     -s http=127.0.0.1:8787 -d do=/folder/for/state -d assets=/folder/of/the/client
#
# For TLS, import `services` from here and declare an `https` socket beside it,
# as tool/orbit-process.ts does: no key file is ever embedded in this one.
using Workerd = import "/workerd/workerd.capnp";

const services :List(Workerd.Service) = [
  (name = "orbit", worker = .worker),
  (name = "do", disk = (writable = true)),
  (name = "assets", disk = ()),
];

const config :Workerd.Config = (
  services = .services,
  sockets = [(name = "http", http = (), service = "orbit")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "../build/orbit/worker.js")],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "ORBIT_SECRET", fromEnvironment = "ORBIT_SECRET"),
    (name = "ORBIT_ORIGIN", fromEnvironment = "ORBIT_ORIGIN"),
    (name = "USERS", durableObjectNamespace = "UserObject"),
    (name = "ASSETS", service = "assets"),
  ],
  durableObjectNamespaces = [(className = "UserObject", uniqueKey = "zane-user-object", enableSql = true)],
  durableObjectStorage = (localDisk = "do"),
);
