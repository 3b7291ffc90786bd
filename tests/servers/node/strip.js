// Takes what names a host out of the lock: whom to fund, where a licence lies. Registries are already left out by .npmrc.
const fs = require("fs");
const lock = JSON.parse(fs.readFileSync("package-lock.json"));
for (const each of Object.values(lock.packages)) {
  delete each.funding;
  for (const [key, value] of Object.entries(each)) if (String(value).includes("://")) delete each[key];
}
fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
