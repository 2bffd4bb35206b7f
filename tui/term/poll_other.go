//go:build !unix

package term

import (
	"os"
	"time"
)

// readable says no: consoles of other systems deliver keys as records, never
// torn apart.
func readable(*os.File, time.Duration) bool { return false }
