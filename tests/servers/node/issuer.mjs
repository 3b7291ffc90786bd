// An OpenID provider that signs in whoever gives a name: usage: node issuer.mjs NODE_MODULES PORT REDIRECT_URI
const [modules, port, redirect] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

// Who is in which group, and whose address is verified.
const people = {
  ana: { groups: ["growth", "staff"], email: "ana@example.com", email_verified: true },
  eve: { groups: ["guests"], email: "ana@example.com", email_verified: false },
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: ["reconciler", "another"].map((id) => ({
    client_id: id,
    client_secret: "only-for-tests",
    redirect_uris: [redirect],
  })),
  claims: { openid: ["sub", "groups", "email", "email_verified"] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => false },
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
});
provider.listen(Number(port), "127.0.0.1");
