// Package core runs models: it finds the deployment of a model, loads the model
// once for all who ask, hands out leases on what is loaded, and unloads.
//
// It knows nothing of HTTP servers, and nothing of what a request says: the data
// plane goes from core/api through [Lease.Post] to the endpoint of an instance as
// bytes.
package core
