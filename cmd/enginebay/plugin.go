package main

import "github.com/spf13/cobra"

func newPlugin(c *config) *cobra.Command {
	cmd := group("plugin", "Work with plugins")
	cmd.Long = `Work with plugins. People install them from registries (plugin registry add, search, info),
addresses and files: "install" shows what a plugin wants and makes it current; "list" says
what is here; "upgrade" brings newer versions, and "rollback" goes back to the one before,
all while a server runs. Authors begin one with "new", work on it with "dev", try it with
"test", and hand it out with "pack", "sign" and "publish".`
	cmd.AddCommand(
		newPluginSearch(c),
		newPluginInfo(c),
		newPluginInstall(c),
		newPluginList(c),
		newPluginUpgrade(c),
		newPluginRollback(c),
		newPluginUse(c),
		newPluginPin(c),
		newPluginRemove(c),
		newPluginVerify(c),
		newPluginWhy(c),
		newPluginMirror(c),
		newPluginRegistry(c),
		newPluginNew(),
		newPluginDev(c),
		newPluginTest(c),
		newPluginPack(),
		newPluginKey(),
		newPluginSign(),
		newPluginPublish(c),
	)
	return cmd
}
