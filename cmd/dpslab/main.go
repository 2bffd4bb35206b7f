// Command dpslab is a terminal workbench for Azure IoT Hub Device Provisioning
// Service.
package main

import (
	"os"

	_ "dpslab/tui/term/noprobe" // must come before anything that imports Bubble Tea
)

func main() {
	postponeCollection()
	os.Exit(run(os.Args[1:], environment{
		in: os.Stdin, out: &output{File: os.Stdout}, err: os.Stderr, getenv: os.Getenv,
	}))
}
