"""A token that is revoked and a Vault that is sealed, under a server that archives: the log waits, and all of it arrives.

A stand-in for Vault's Transit engine, since no Vault can be had; PostgreSQL and the repository are real.
"""

import os

import cloud
import harness
from keys_faults_test import KeysTest


class Transit(KeysTest):
    def setUp(self):
        super().setUp()
        self.vault = cloud.TransitStandIn.of(self)
        self.vault.key("backup")
        self.key = "vault:transit/backup"
        self.token_file = os.path.join(os.environ["HOME"], ".vault-token")
        os.environ.update({"VAULT_ADDR": self.vault.endpoint})
        os.environ.pop("VAULT_TOKEN", None)
        self.addCleanup(lambda: os.path.exists(self.token_file) and os.remove(self.token_file))
        self.give(self.vault.token({"transit/encrypt/backup": ["update"], "transit/decrypt/backup": ["update"]}))

    def give(self, token):
        with open(self.token_file, "w") as file:
            file.write(token)
        os.chmod(self.token_file, 0o600)
        return token

    def test_a_token_that_is_revoked_and_a_vault_that_is_sealed(self):
        self.make()
        with open(self.token_file) as file:
            token = file.read()
        self.vault.revoke(token)
        self.the_hour_is_over()
        self.log_waits("the token may not do this, or has ended")
        self.assertNotIn(token, harness.read(self.primary.log).decode())
        self.refused(4, "the token may not do this", "restore", "--at", "latest", "--to", os.path.join(self.folder, "r"))
        self.give(self.vault.token({"transit/encrypt/backup": ["update"]}))  # may not open
        self.the_hour_is_over()
        self.refused(4, "the token may not do this", "restore", "--at", "latest", "--to", os.path.join(self.folder, "r"))
        self.give(self.vault.token({"transit/encrypt/backup": ["update"], "transit/decrypt/backup": ["update"]}))
        self.archive_now(self.primary)

        before = self.archived()
        self.vault.seal()
        self.the_hour_is_over()
        self.primary.sql("insert into t values (0, 'waits')")
        name = self.primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.refused(6, "Vault is sealed", "wal", "push", f"pg_wal/{name}", cwd=self.primary.data)
        self.assertEqual(self.archived(), before)
        self.vault.unseal()
        self.all_arrives()


if __name__ == "__main__":
    harness.main()
