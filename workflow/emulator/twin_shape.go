package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"dpslab/workflow/dps"
)

// Limits of twins, from IoT Hub's developer guide to device twins.
const (
	maxTwinKey   = 1 << 10 // bytes
	maxTwinText  = 4 << 10 // bytes of a string value
	maxTwinDepth = 10
	maxTags      = 8 << 10  // bytes of JSON
	maxDesired   = 32 << 10 // bytes of JSON
)

// checkTwin looks for what a twin cannot hold, and says where it is; empty when
// there is nothing.
func checkTwin(tags, desired map[string]any) string {
	for _, part := range []struct {
		name  string
		value map[string]any
		limit int
	}{{"tags", tags, maxTags}, {"properties.desired", desired, maxDesired}} {
		if trouble := checkTwinValue(part.name, part.value, 1); trouble != "" {
			return trouble
		}
		raw, err := json.Marshal(part.value)
		if err != nil || len(raw) > part.limit {
			return fmt.Sprintf("%s is larger than %d KB", part.name, part.limit>>10)
		}
	}
	return ""
}

func checkTwinValue(path string, value any, depth int) string {
	switch value := value.(type) {
	case map[string]any:
		if depth > maxTwinDepth {
			return fmt.Sprintf("%s nests deeper than %d", path, maxTwinDepth)
		}
		for key, inner := range value {
			if !validTwinKey(key) {
				return fmt.Sprintf("the key %q in %s is empty, too long, or holds '.', '$', a blank or a control character", key, path)
			}
			if trouble := checkTwinValue(path+"."+key, inner, depth+1); trouble != "" {
				return trouble
			}
		}
	case []any:
		for _, inner := range value {
			if trouble := checkTwinValue(path+"[]", inner, depth+1); trouble != "" {
				return trouble
			}
		}
	case string:
		if len(value) > maxTwinText {
			return fmt.Sprintf("%s is a text longer than %d KB", path, maxTwinText>>10)
		}
	}
	return ""
}

func validTwinKey(key string) bool {
	return key != "" && len(key) <= maxTwinKey && !strings.ContainsFunc(key, func(r rune) bool {
		return r == '.' || r == '$' || r == ' ' || unicode.IsControl(r)
	})
}

// checkInitialTwin refuses an entry whose twin no hub would take.
func checkInitialTwin(twin *dps.InitialTwin) error {
	if twin == nil {
		return nil
	}
	var desired map[string]any
	if twin.Properties != nil {
		desired = twin.Properties.Desired
	}
	if trouble := checkTwin(twin.Tags, desired); trouble != "" {
		return initialTwinShape.refuse(trouble)
	}
	return nil
}
