"""What components of 26.03 and of kube-prometheus v0.18.0 measure, as far as dashboards and alerts of ours ask for it.

Each with where its source says so: repository at tag, and file. Names of Argo's begin with `argo_workflows_`, with no
suffix (argo-workflows v3.7.3, util/telemetry/exporter_prometheus.go); dots in Knative's become underscores, and units
in braces are left out (knative.dev/pkg of 1.21, observability/metrics/prometheus_enabled.go).
"""

_API_SERVER = "kubernetes/kubernetes@v1.35.0 staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go"
_ARGO = "argoproj/argo-workflows@v3.7.3 util/telemetry/metrics_list.go"
_CERT_MANAGER = "cert-manager/cert-manager@v1.19.4 internal/collectors/certificate_collector.go"
_CONTROLLERS = "kubernetes-sigs/controller-runtime pkg/internal/controller/metrics/metrics.go"
_DCGM = "NVIDIA/dcgm-exporter@4.5.3-4.8.2 etc/default-counters.csv"
_ISTIO = "istio/istio@1.29.0 pilot/pkg/model/telemetry.go, with `istio_` in front"
_ISTIOD = "istio/istio@1.29.0 pilot/pkg/xds/monitoring.go"
_KATIB_EXPERIMENTS = "kubeflow/katib@v0.19.0 pkg/controller.v1beta1/experiment/util/prometheus_metrics.go"
_KATIB_TRIALS = "kubeflow/katib@v0.19.0 pkg/controller.v1beta1/trial/util/prometheus_metrics.go"
_KUBELET = "kubernetes/kubernetes@v1.35.0 pkg/kubelet/metrics/collectors/volume_stats.go"
_NODES = "prometheus/node_exporter@v1.11.1 collector/filesystem_common.go"
_NOTEBOOKS = "kubeflow/kubeflow@v1.10.0 components/notebook-controller/pkg/metrics/metrics.go"
_PIPELINES = "kubeflow/pipelines@2.16.0 backend/src/apiserver/server"
_STATE = "kubernetes/kube-state-metrics@v2.19.0 internal/store"

EXPOSED = {
    "DCGM_FI_DEV_FB_USED": _DCGM,
    "DCGM_FI_DEV_GPU_UTIL": _DCGM,
    "apiserver_request_total": _API_SERVER,
    "argo_workflows_error_count": _ARGO,
    "argo_workflows_gauge": _ARGO,
    "argo_workflows_queue_depth_gauge": _ARGO,
    "argo_workflows_total_count": _ARGO,
    "certmanager_certificate_expiration_timestamp_seconds": _CERT_MANAGER,
    "controller_runtime_reconcile_errors_total": _CONTROLLERS,
    "istio_request_duration_milliseconds_bucket": _ISTIO,
    "istio_requests_total": _ISTIO,
    "job_server_job_count": f"{_PIPELINES}/job_server.go",
    "katib_experiments_current": _KATIB_EXPERIMENTS,
    "katib_trial_failed_total": _KATIB_TRIALS,
    "katib_trial_succeeded_total": _KATIB_TRIALS,
    "kn_revision_pods_count": "knative/serving@knative-v1.21.1 pkg/reconciler/autoscaling/kpa/metrics.go",
    "kn_revision_pods_desired": "knative/serving@knative-v1.21.1 pkg/autoscaler/scaling/metrics.go",
    "kube_deployment_spec_replicas": f"{_STATE}/deployment.go",
    "kube_deployment_status_replicas_available": f"{_STATE}/deployment.go",
    "kube_node_status_allocatable": f"{_STATE}/node.go",
    "kube_node_status_condition": f"{_STATE}/node.go",
    "kube_pod_container_resource_requests": f"{_STATE}/pod.go",
    "kube_pod_container_status_restarts_total": f"{_STATE}/pod.go",
    "kube_pod_status_phase": f"{_STATE}/pod.go",
    "kubelet_volume_stats_available_bytes": _KUBELET,
    "kubelet_volume_stats_capacity_bytes": _KUBELET,
    "node_filesystem_avail_bytes": _NODES,
    "node_filesystem_size_bytes": _NODES,
    "notebook_running": _NOTEBOOKS,
    "pilot_total_xds_rejects": "istio/istio@1.29.0 pkg/xds/monitoring.go",
    "pilot_xds": _ISTIOD,
    "pipeline_server_pipeline_count": f"{_PIPELINES}/pipeline_server.go",
    "run_server_create_requests": f"{_PIPELINES}/run_server.go",
    "run_server_list_requests": f"{_PIPELINES}/run_server.go",
    "run_server_retry_requests": f"{_PIPELINES}/run_server.go",
    "run_server_run_count": f"{_PIPELINES}/run_server.go",
    "run_server_terminate_requests": f"{_PIPELINES}/run_server.go",
    "up": "prometheus/prometheus@v3.12.0 scrape/scrape.go",
}
