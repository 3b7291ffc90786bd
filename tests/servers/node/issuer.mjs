// An OpenID provider that signs in whoever gives a name: usage: node issuer.mjs NODE_MODULES PORT REDIRECT_URI
const [modules, port, redirect] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

// Who is in which group, and whose address is verified.
const people = {
  ana: { groups: ["growth", "staff"], email: "ana@example.com", email_verified: true },
  eve: { groups: ["guests"], email: "ana@example.com", email_verified: false },
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    ...["reconciler", "another"].map((id) => ({
      client_id: id,
      client_secret: "only-for-tests",
      redirect_uris: [redirect],
    })),
    // On people's machines: no secret, any port of this machine, refresh tokens that are rotated.
    {
      client_id: "events",
      application_type: "native",
      token_endpoint_auth_method: "none",
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "refresh_token"],
    },
    {
      client_id: "machine",
      client_secret: "only-for-tests",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    },
  ],
  claims: { openid: ["sub", "groups", "email", "email_verified"] },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  pkce: { required: (context, client) => client.clientId === "events" },
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
});
provider.listen(Number(port), "127.0.0.1");
